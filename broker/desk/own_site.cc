#include "broker/desk/own_site.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "broker/desk/shown_token.h"
#include "broker/rules.h"
#include "broker/tunnels/tunnel_name.h"
#include "http/authority.h"
#include "mux/handshake.h"

namespace tenfold::broker {
namespace {

using handshake::Refusal;
using nlohmann::json;

std::string to_json(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::uint64_t retry_after_s(Refusal refusal) {
  if (refusal == Refusal::draining) return 0;  // another replica is a dial away
  if (refusal == Refusal::busy) return rules::busy_retry_after_s;
  return limits::retry_after_s;
}

bool offers_link(const http::RequestHead& head) {
  return http::has_token(head.fields, handshake::offer_field, handshake::upgrade_token);
}

bool is_new(std::string_view path, std::string_view query) {
  return path == "/" && (query == "new" || query.starts_with("new=") || query.starts_with("new&"));
}

// "/NAME", for any name.
bool is_name_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  const std::string_view name = path.substr(1);
  return !name.empty() && name.find('/') == std::string_view::npos;
}

bool wants_link(const http::RequestHead& head) {
  return head.minor_version == 1 && http::has_token(head.fields, "Connection", "upgrade") &&
         http::has_token(head.fields, "Upgrade", handshake::upgrade_token);
}

// Paths that monitors, crawlers and people request on every host.
bool is_well_known(std::string_view name) {
  static constexpr std::array<std::string_view, 8> words = {"healthz", "readyz", "metrics",     "login",
                                                            "admin",   "status", "favicon.ico", "robots.txt"};
  return std::find(words.begin(), words.end(), name) != words.end();
}

// A browser that navigates or loads a part of a page, of this or another site. No client of either protocol sends these
// fields; fetch() from a page of this host has mode `cors` or `same-origin`.
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

// The resident memory of this process, in bytes.
std::uint64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * 4096;
}

}  // namespace

OwnSite::Answer OwnSite::answer(const OwnRequest& request) const {
  const auto [path, query, secret] = read_own_target(request.head.target);
  const std::string_view method = request.head.method;
  if (method != "GET" && method != "HEAD") {
    Reply reply = json_reply(405, R"({"message":"Only GET is answered here.","code":"bad-method"})");
    reply.fields.emplace_back("Allow", "GET, HEAD");
    if (is_new(path, query) || is_name_path(path)) never_cache(reply);
    return reply;
  }
  // A HEAD makes no tunnel: RFC 9110 9.2.1, it is safe.
  if (path == "/") {
    if (is_new(path, query) && method == "GET") return answer_new_tunnel(request, {});
    Reply reply = landing();
    if (is_new(path, query)) never_cache(reply);
    return reply;
  }
  if (path == "/api/status") return status();
  constexpr std::string_view tunnels = "/api/tunnels/";
  constexpr std::string_view status_end = "/status";
  if (path.starts_with(tunnels) && path.ends_with(status_end) && path.size() > tunnels.size() + status_end.size()) {
    return WantsTunnelStatus{path.substr(tunnels.size(), path.size() - tunnels.size() - status_end.size())};
  }
  if (is_name_path(path) && method == "GET") return answer_new_tunnel(request, path.substr(1));
  return not_found_reply("not-found", "There is no such page on this broker.", request.head, request.request_id);
}

OwnSite::Answer OwnSite::answer_new_tunnel(const OwnRequest& request, std::string_view name) const {
  const bool link = wants_link(request.head);
  const auto refuse = [&](Refusal refusal) {
    Reply reply = handshake_refusal(refusal);
    never_cache(reply);
    return reply;
  };
  // Checked first: even a refused client learns that tenfold/1 is spoken here, and that a proxy removes the Upgrade.
  // Such a request makes nothing, so it is not charged.
  if (!link && offers_link(request.head)) return refuse(Refusal::upgrade_lost);
  if (!link && (is_well_known(name) || is_browsing(request.head.fields))) {
    return not_found_reply("not-found",
                           "There is no such page on this broker. Tunnels are made by their clients, not by browsers.",
                           request.head, request.request_id);
  }
  if (!name.empty() && !is_tunnel_name(name)) return refuse(Refusal::bad_name);
  if (draining_) return refuse(Refusal::draining);
  // The body would be the link's first bytes. Checked before the name is claimed, since a claim replaces the current
  // tunnel.
  if (link && !request.body.empty()) return refuse(Refusal::bad_request);
  if (!link && !options_.classic) return refuse(Refusal::classic_off);
  return WantsTunnel{name, link};
}

std::string OwnSite::tunnel_url(std::string_view name, std::string_view scheme, std::string_view host) const {
  std::string url(scheme);
  std::string site(host);
  if (!options_.public_url.empty()) {
    const std::size_t colon = options_.public_url.find("://");
    url = options_.public_url.substr(0, colon);
    site = options_.public_url.substr(colon + 3);
  } else if (const std::string_view bare = http::without_port(host); http::is_ip_literal(bare)) {
    // NAME.127.0.0.1 does not resolve; NAME.DOMAIN on the same port does.
    site = router_.domain() + site.substr(bare.size());
  }
  return url + "://" + std::string(name) + "." + site;
}

Reply OwnSite::status() const {
  return json_reply(200, to_json({{"tunnels", registry_.size()}, {"mem", {{"rss", resident_bytes()}}}}));
}

Reply OwnSite::tunnel_status(const NameTable::Found& found) const {
  if (found.state == NameTable::State::unknown) return json_reply(404, R"({"message":"no such tunnel"})");
  std::size_t connected = found.tunnel == nullptr ? 0 : found.tunnel->connected();
  // A link without streams still counts as one connection of its agent.
  if (connected == 0 && found.tunnel != nullptr && found.tunnel->has_agent()) connected = 1;
  return json_reply(200, to_json({{"connected_sockets", connected}}));
}

Reply OwnSite::wrong_host(const OwnRequest& request) const {
  const std::string says = "This broker answers to " + router_.domain() + ", not to " +
                           printable(http::without_port(request.head.authority), rules::host_shown) + ".";
  const auto [path, query, secret] = read_own_target(request.head.target);
  // A client that asks for a tunnel is a program, whatever its Accept says.
  if (wants_link(request.head) || offers_link(request.head) || is_new(path, query)) {
    return json_reply(404, to_json({{"message", says}, {"code", "bad-host"}}));
  }
  return not_found_reply("no-such-tunnel", says, request.head, request.request_id);
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

Reply handshake_refusal(handshake::Refusal refusal, std::string_view name, std::string_view detail) {
  const handshake::RefusalForm form = handshake::form(refusal);
  std::string message(form.message);
  if (refusal == Refusal::name_taken) message = "The name " + std::string(name) + " is in use.";
  if (!detail.empty()) message.append(" (").append(printable(detail)).append(")");
  Reply reply = json_reply(form.status, to_json({{"message", message}, {"code", form.code}}));
  reply.refusal = refusal;
  if (form.status == 503 || form.status == 429) {
    reply.fields.emplace_back("Retry-After", std::to_string(retry_after_s(refusal)));
  }
  if (form.status == 401) reply.fields.emplace_back("WWW-Authenticate", "Bearer");
  if (form.status == 426) {
    reply.fields.emplace_back("Connection", "Upgrade");
    reply.fields.emplace_back("Upgrade", handshake::upgrade_token);
  }
  return reply;
}

void never_cache(Reply& reply) {
  std::erase_if(reply.fields, [](const auto& field) { return field.first == "Cache-Control"; });
  reply.fields.emplace_back("Cache-Control", "no-store");
}

}  // namespace tenfold::broker
