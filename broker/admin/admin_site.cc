#include "broker/admin/admin_site.h"

#include <charconv>
#include <fstream>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "broker/admin/page.h"
#include "broker/admin/requests.h"
#include "broker/admin/views.h"
#include "broker/admission/secret.h"
#include "broker/rules.h"
#include "broker/tunnels/tunnel_name.h"

namespace tenfold::broker {
namespace {

constexpr std::string_view tunnels_path = "/api/tunnels";
constexpr std::string_view nonce_place = "{{nonce}}";
constexpr std::string_view reads_only = "GET, HEAD";
constexpr std::size_t token_least = 16;
constexpr std::size_t list_most = 1000;  // tunnels or links in one answer

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, number);
  if (failed != std::errc{} || stop != end || text.empty()) return {};
  return number;
}

std::string hex_text(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += {digits[byte >> 4], digits[byte & 15]};
  }
  return text;
}

// The page runs its own script and style, which a fresh nonce marks, talks to its own API, and stands in no frame.
Reply page_reply() {
  Reply reply;
  reply.content_type = "text/html; charset=utf-8";
  const std::string nonce = hex_text(random_bytes(16));
  reply.body = admin_page;
  for (std::size_t at = 0; (at = reply.body.find(nonce_place, at)) != std::string::npos;) {
    reply.body.replace(at, nonce_place.size(), nonce);
  }
  reply.fields.emplace_back("Content-Security-Policy",
                            "default-src 'none'; script-src 'nonce-" + nonce + "'; style-src 'nonce-" + nonce +
                                "'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
                                "frame-ancestors 'none'");
  return reply;
}

void harden(Reply& reply) {
  std::erase_if(reply.fields, [](const auto& field) { return field.first == "Cache-Control"; });
  reply.fields.emplace_back("Cache-Control", "no-store");
  reply.fields.emplace_back("X-Content-Type-Options", "nosniff");
  reply.fields.emplace_back("X-Frame-Options", "DENY");
  reply.fields.emplace_back("Referrer-Policy", "no-referrer");
  reply.fields.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
}

}  // namespace

Result<std::string> read_admin_token(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error{ErrorKind::usage, "cannot read the token file " + path};
  std::string token;
  file.width(static_cast<std::streamsize>(rules::config_bytes));
  file >> token;
  if (token.size() < token_least) return Error{ErrorKind::usage, path + ": a token has 16 letters at least"};
  return token;
}

AdminSite::AdminSite(const Sources& sources, Control& control, Address door, std::string token)
    : sources_(sources), control_(control), door_(std::move(door)), token_(std::move(token)) {}

Reply AdminSite::answer(const http::RequestHead& head) {
  const auto [path, query] = split_target(head.target);
  Reply reply;
  if (!is_own_host(head.authority, door_)) {
    reply = refusal_reply(421, "bad-host", "This door answers to localhost and to the address that it listens on.");
  } else if (path == "/") {
    reply = reads(head) ? page_reply() : wrong_method_reply(reads_only);
  } else {
    reply = answer_api(head, path, query);
  }
  harden(reply);
  return reply;
}

Reply AdminSite::answer_api(const http::RequestHead& head, std::string_view path, std::string_view query) {
  const bool one_tunnel =
      path.size() > tunnels_path.size() + 1 && path.starts_with(tunnels_path) && path[tunnels_path.size()] == '/';
  const bool known = path == tunnels_path || path == "/api/links" || path == "/api/peers" || path == "/api/summary";
  if (!known && !one_tunnel) return refusal_reply(404, "not-found", "There is no such page here.");
  const bool may_delete = one_tunnel && head.method == "DELETE";
  if (!reads(head) && !may_delete) return wrong_method_reply(one_tunnel ? "GET, HEAD, DELETE" : reads_only);
  if (!shows_token(head.fields)) {
    Reply reply = refusal_reply(401, "unauthorized", "The operator's token is missing or wrong.");
    reply.fields.emplace_back("WWW-Authenticate", R"(Bearer realm="tenfold")");
    return reply;
  }
  if (may_delete && !is_own_origin(head)) {
    return refusal_reply(403, "bad-origin", "A page of another site may change nothing here.");
  }
  if (one_tunnel) return answer_tunnel(head, path.substr(tunnels_path.size() + 1), query);
  if (path == "/api/links") return json_reply(200, links_json(sources_, list_most));
  if (path == "/api/peers") return json_reply(200, peers_json(sources_));
  if (path == "/api/summary") return json_reply(200, summary_json(sources_));
  const std::string_view limit = query_value(query, "limit");
  const std::optional<std::uint64_t> most = limit.empty() ? list_most : number_of(limit);
  if (!most || *most > list_most) return refusal_reply(400, "bad-limit", "limit is a number up to 1000.");
  return json_reply(200, tunnels_json(sources_, query_value(query, "q"), static_cast<std::size_t>(*most)));
}

Reply AdminSite::answer_tunnel(const http::RequestHead& head, std::string_view name, std::string_view query) {
  if (!is_tunnel_name(name)) return refusal_reply(404, "no-such-tunnel", "No tunnel has that name.");
  if (!reads(head)) return kill(name, query);
  std::string body = tunnel_json(sources_, name);
  if (body.empty()) return refusal_reply(404, "no-such-tunnel", "No tunnel has that name.");
  return json_reply(200, std::move(body));
}

Reply AdminSite::kill(std::string_view name, std::string_view query) {
  Duration ban{};
  if (!query.empty()) {
    const std::optional<std::uint64_t> seconds = number_of(query_value(query, "ban"));
    constexpr auto most =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(rules::ban_most).count());
    if (!seconds || *seconds > most) {
      return refusal_reply(400, "bad-ban", "ban is a number of seconds, up to 2592000 (30 days).");
    }
    ban = std::chrono::seconds(*seconds);
  }
  const Result<bool> ended = control_.kill(name, ban);
  if (!ended) return refusal_reply(503, "not-done", ended.error().detail);
  if (!*ended) return refusal_reply(404, "no-such-tunnel", "No tunnel has that name.");
  return json_reply(200, R"({"name":")" + std::string(name) + R"(","ended":true,"banned_seconds":)" +
                             std::to_string(std::chrono::duration_cast<std::chrono::seconds>(ban).count()) + "}");
}

bool AdminSite::shows_token(const http::Fields& fields) const {
  if (token_.empty()) return true;
  constexpr std::string_view scheme = "Bearer ";
  const http::Field* field = http::find(fields, "Authorization");
  return field != nullptr && field->value.size() > scheme.size() &&
         http::equal_nocase(field->value.substr(0, scheme.size()), scheme) &&
         same_secret(token_, field->value.substr(scheme.size()));
}

}  // namespace tenfold::broker
