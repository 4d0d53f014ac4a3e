#include "broker/desk/own_site.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "broker/admission/client_address.h"
#include "broker/admission/secret.h"
#include "broker/tunnels/tunnel_name.h"
#include "http/host.h"
#include "http1/body_framing.h"
#include "mux/handshake.h"
namespace tenfold::broker {
namespace {

using handshake::Refusal;
using nlohmann::json;

constexpr std::size_t resume_token_bytes = 16;
constexpr const char* retry_after = "5";

std::string to_json(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

Reply refuse(Refusal refusal, std::string_view name = {}) {
  const handshake::RefusalForm form = handshake::form(refusal);
  std::string message(form.message);
  if (refusal == Refusal::name_taken) message = "The name " + std::string(name) + " is in use.";
  Reply reply = json_reply(form.status, to_json({{"message", message}, {"code", form.code}}));
  if (form.status == 503 || form.status == 429) reply.fields.emplace_back("Retry-After", retry_after);
  if (form.status == 401) reply.fields.emplace_back("WWW-Authenticate", "Bearer");
  if (form.status == 426) {
    reply.fields.emplace_back("Connection", "Upgrade");
    reply.fields.emplace_back("Upgrade", handshake::upgrade_token);
  }
  return reply;
}

// Who shows no resume token is known by this: an address, and whose token it is. Empty: by nothing.
std::string owner_of(std::string_view client_ip, const Admission::Verdict& verdict) {
  if (client_ip == unknown_client) return {};
  return address_group(client_ip) + '#' + std::to_string(verdict.token);
}

bool offers_link(const http::RequestHead& head) {
  return http::has_token(head.fields, handshake::offer_field, handshake::upgrade_token);
}

bool has_body(const http::RequestHead& head) {
  const http1::Framing framing = http1::request_framing(head).framing;
  return framing.kind != http1::Framing::Kind::none &&
         !(framing.kind == http1::Framing::Kind::length && framing.length == 0);
}

bool is_new(std::string_view path, std::string_view query) {
  return path == "/" && (query == "new" || query.starts_with("new=") || query.starts_with("new&"));
}

// "/NAME", whatever the name looks like.
bool is_name_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  const std::string_view name = path.substr(1);
  return !name.empty() && name.find('/') == std::string_view::npos;
}

bool wants_link(const http::RequestHead& head) {
  return head.minor_version == 1 && http::has_token(head.fields, "Connection", "upgrade") &&
         http::has_token(head.fields, "Upgrade", handshake::upgrade_token);
}

// What monitors, crawlers and people look for on any host.
bool is_well_known(std::string_view name) {
  static constexpr std::array<std::string_view, 8> words = {"healthz", "readyz", "metrics",     "login",
                                                            "admin",   "status", "favicon.ico", "robots.txt"};
  return std::find(words.begin(), words.end(), name) != words.end();
}

// A browser that goes to a page or loads a part of one, its own or another site's. No client of either protocol sends
// any of these; fetch() of a page of this very host has mode `cors` or `same-origin`.
bool is_browsing(const http::Fields& fields) {
  const http::Field* accept = http::find(fields, "Accept");
  constexpr std::string_view html = "text/html";
  if (accept != nullptr && accept->value.size() >= html.size() &&
      http::equal_nocase(accept->value.substr(0, html.size()), html)) {
    return true;
  }
  const auto says = [&](std::string_view name, std::string_view value) {
    const http::Field* field = http::find(fields, name);
    return field != nullptr && http::equal_nocase(field->value, value);
  };
  return says("Sec-Fetch-Mode", "navigate") || says("Sec-Fetch-Mode", "no-cors") ||
         says("Sec-Fetch-Site", "cross-site");
}

// base64url without padding, RFC 4648 5; "" for what is none.
std::string decode_base64url(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const std::size_t value = letters.find(c);
    if (value == std::string_view::npos) return {};
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if ((held += 6) >= 8) out += static_cast<char>(bits >> (held -= 8));
  }
  return out;
}

// Resident bytes of this process.
std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * 4096;
}

}  // namespace

OwnSite::Answer OwnSite::answer(const OwnRequest& request) {
  std::string_view path = request.head.target;
  const std::size_t question = path.find('?');
  const std::string_view query = question == std::string_view::npos ? std::string_view{} : path.substr(question + 1);
  path = path.substr(0, question);
  Answer answer = answer_path(request, path, query);
  // A grant is for one client, and a refusal for one moment: no cache on the way may give either to another.
  auto* reply = std::get_if<Reply>(&answer);
  if (reply != nullptr && (is_new(path, query) || is_name_path(path))) {
    std::erase_if(reply->fields, [](const auto& field) { return field.first == "Cache-Control"; });
    reply->fields.emplace_back("Cache-Control", "no-store");
  }
  return answer;
}

OwnSite::Answer OwnSite::answer_path(const OwnRequest& request, std::string_view path, std::string_view query) {
  const std::string_view method = request.head.method;
  if (method != "GET" && method != "HEAD") {
    Reply reply = json_reply(405, R"({"message":"Only GET is answered here.","code":"bad-method"})");
    reply.fields.emplace_back("Allow", "GET, HEAD");
    return reply;
  }
  // A HEAD makes nothing: RFC 9110 9.2.1, it is safe.
  if (path == "/") return is_new(path, query) && method == "GET" ? new_tunnel(request, {}) : landing();
  if (path == "/api/status") return status();
  constexpr std::string_view tunnels = "/api/tunnels/";
  constexpr std::string_view status_end = "/status";
  if (path.starts_with(tunnels) && path.ends_with(status_end) && path.size() > tunnels.size() + status_end.size()) {
    return tunnel_status(path.substr(tunnels.size(), path.size() - tunnels.size() - status_end.size()));
  }
  if (is_name_path(path) && method == "GET") return new_tunnel(request, path.substr(1));
  return trouble_reply({404, "not-found", "There is no such page on this broker."}, request.head.fields,
                       request.request_id);
}

OwnSite::Answer OwnSite::new_tunnel(const OwnRequest& request, std::string_view name) {
  const bool link = wants_link(request.head);
  // Before anything else: whatever is refused, that tenfold/1 is spoken here is said, and a proxy that takes the
  // Upgrade away is found out. It asks for nothing that could be charged.
  if (!link && offers_link(request.head)) return refuse(Refusal::upgrade_lost);
  if (!link && (is_well_known(name) || is_browsing(request.head.fields))) {
    return trouble_reply(
        {404, "not-found", "There is no such page on this broker. Tunnels are made by their clients, not by browsers."},
        request.head.fields, request.request_id);
  }
  if (!name.empty() && !is_tunnel_name(name)) return refuse(Refusal::bad_name);
  if (draining_) return refuse(Refusal::draining);
  if (link) return new_link(request, name);
  if (!options_.classic) return refuse(Refusal::classic_off);
  return new_classic(request, name);
}

Admission::Verdict OwnSite::admit(const OwnRequest& request, Admission::For what) {
  const http::Field* authorization = http::find(request.head.fields, "Authorization");
  return admission_.admit(request.client_ip, authorization == nullptr ? std::string_view{} : authorization->value,
                          what);
}

OwnSite::Answer OwnSite::new_link(const OwnRequest& request, std::string_view name) {
  // The body would be the link's first bytes. Found out before the name is claimed, for a claim replaces what stands.
  if (has_body(request.head)) return refuse(Refusal::bad_request);
  const http::Field* resume = http::find(request.head.fields, handshake::resume_field);
  std::string token = resume == nullptr ? std::string{} : decode_base64url(resume->value);
  if (token.size() != resume_token_bytes) token = random_bytes(resume_token_bytes);

  const bool resumed = registry_.proves(name, token);
  const Admission::Verdict verdict = admit(request, resumed ? Admission::For::resumed : Admission::For::new_tunnel);
  if (verdict.refusal != Refusal::none) return refuse(verdict.refusal);
  std::string owner = owner_of(request.client_ip, verdict);
  Result<Claim> claim = registry_.claim(name, token, owner);
  if (!claim) {
    if (verdict.charged) admission_.refund(request.client_ip);
    return refuse(Refusal::name_taken, name);
  }
  return LinkGrant{*claim,           tunnel_url(claim->name, request.scheme, request.host),
                   std::move(token), std::string(request.client_ip),
                   std::move(owner), verdict.trusted()};
}

Reply OwnSite::new_classic(const OwnRequest& request, std::string_view name) {
  const Admission::Verdict verdict = admit(request, Admission::For::new_tunnel);
  if (verdict.refusal != Refusal::none) return refuse(verdict.refusal);
  const std::string owner = owner_of(request.client_ip, verdict);
  Result<Claim> claim = registry_.claim(name, {}, owner);
  // "a taken name silently becomes a random id"
  if (!claim) claim = registry_.claim({}, {}, owner);
  const Result<std::uint16_t> port = classic_.open_classic(*claim, request.client_ip);
  if (!port) {
    if (verdict.charged) admission_.refund(request.client_ip);
    registry_.give_up(*claim);
    return no_port(*claim, port.error());
  }
  json answer{{"id", claim->name},
              {"port", *port},
              {"max_conn_count", classic_.max_conn()},
              {"url", tunnel_url(claim->name, request.scheme, request.host)}};
  if (!options_.classic_address.empty()) answer["ip"] = options_.classic_address;
  return json_reply(200, to_json(answer));
}

// Not the client's doing, and it may heal: 503, which no stock client takes for a tunnel.
Reply OwnSite::no_port(const Claim& claim, const Error& why) {
  runtime_.log.warn("classic-refused", {{"name", claim.name}, {"reason", why.detail}});
  Reply reply = json_reply(
      503, to_json({{"message", "This server has no port left for another classic tunnel."}, {"code", "no-port"}}));
  reply.fields.emplace_back("Retry-After", retry_after);
  return reply;
}

std::string OwnSite::tunnel_url(std::string_view name, std::string_view scheme, std::string_view host) const {
  std::string url(scheme);
  std::string site(host);
  if (!options_.public_url.empty()) {
    const std::size_t colon = options_.public_url.find("://");
    url = options_.public_url.substr(0, colon);
    site = options_.public_url.substr(colon + 3);
  } else if (const std::string_view bare = http::without_port(host); http::is_ip_literal(bare)) {
    // NAME.127.0.0.1 leads nowhere; NAME.DOMAIN on the same port does.
    site = router_.domain() + site.substr(bare.size());
  }
  return url + "://" + std::string(name) + "." + site;
}

Reply OwnSite::status() const {
  return json_reply(200, to_json({{"tunnels", registry_.size()}, {"mem", {{"rss", resident_bytes()}}}}));
}

Reply OwnSite::tunnel_status(std::string_view name) const {
  const TunnelRegistry::Found found = registry_.find(name);
  if (found.state == TunnelRegistry::State::unknown) return json_reply(404, R"({"message":"no such tunnel"})");
  std::size_t connected = found.tunnel == nullptr ? 0 : found.tunnel->connected();
  // A link whose streams have all gone is still one connection of its agent.
  if (connected == 0 && found.tunnel != nullptr && found.tunnel->has_agent()) connected = 1;
  return json_reply(200, to_json({{"connected_sockets", connected}}));
}

Reply OwnSite::wrong_host(const OwnRequest& request) const {
  const std::string says = "This broker answers to " + router_.domain() + ", not to " +
                           printable(http::without_port(request.host), limits::host_shown) + ".";
  std::string_view path = request.head.target;
  const std::size_t question = path.find('?');
  const std::string_view query = question == std::string_view::npos ? std::string_view{} : path.substr(question + 1);
  // Who wants a tunnel is a program, whatever it says that it reads.
  if (wants_link(request.head) || offers_link(request.head) || is_new(path.substr(0, question), query)) {
    return json_reply(404, to_json({{"message", says}, {"code", "bad-host"}}));
  }
  return trouble_reply({404, "no-such-tunnel", says}, request.head.fields, request.request_id);
}

Reply OwnSite::landing() const {
  Reply reply;
  if (options_.landing.empty()) {
    reply.body =
        "This is a Tenfold broker. GET /?new makes a tunnel; `agent expose PORT --host URL` does it for you.\n";
    return reply;
  }
  reply.status = 302;
  reply.fields.emplace_back("Location", options_.landing);
  return reply;
}

}  // namespace tenfold::broker
