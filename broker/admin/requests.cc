#include "broker/admin/requests.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "broker/admission/client_address.h"
#include "http/authority.h"

namespace tenfold::broker {
namespace {

// The IP that `host` is, without brackets.
std::optional<AddressBytes> ip_of(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return parse_address(host);
}

}  // namespace

Target split_target(std::string_view target) {
  const std::size_t question = target.find('?');
  if (question == std::string_view::npos) return {target, {}};
  return {target.substr(0, question), target.substr(question + 1)};
}

std::string_view query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    const std::size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) return pair.substr(equals + 1);
  }
  return {};
}

bool reads(const http::RequestHead& head) { return head.method == "GET" || head.method == "HEAD"; }

bool accepts_json(const http::Fields& fields) {
  return http::any_token(fields, "Accept", [](std::string_view range) {
    return http::equal_nocase(range.substr(0, range.find_first_of("; \t")), "application/json");
  });
}

Reply refusal_reply(int status, std::string_view code, std::string_view message) {
  const nlohmann::json body{{"message", message}, {"code", code}};
  Reply reply = json_reply(status, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  reply.fields.emplace_back("Cache-Control", "no-store");
  return reply;
}

Reply wrong_method_reply(std::string_view allow) {
  Reply reply = refusal_reply(405, "bad-method", "This method is not served here.");
  reply.fields.emplace_back("Allow", allow);
  return reply;
}

bool is_own_host(std::string_view host, const Address& door) {
  const std::string_view name = http::without_port(host);
  if (http::equal_nocase(name, "localhost")) return true;
  const std::optional<AddressBytes> ip = ip_of(name);
  if (!ip) return false;
  if (is_loopback(*ip)) return true;
  const std::optional<AddressBytes> own = parse_address(door.host);
  const bool every_address = !own || *own == AddressBytes{} || *own == *parse_address("0.0.0.0");
  return every_address || *ip == *own;
}

bool is_own_origin(const http::RequestHead& head) {
  const http::Field* site = http::find(head.fields, "Sec-Fetch-Site");
  if (site != nullptr && site->value != "same-origin" && site->value != "none") return false;
  const http::Field* origin = http::find(head.fields, "Origin");
  if (origin == nullptr) return true;
  constexpr std::string_view scheme = "http://";
  return origin->value.starts_with(scheme) && http::equal_nocase(origin->value.substr(scheme.size()), head.authority);
}

bool is_loopback_door(const Address& door) {
  const std::optional<AddressBytes> ip = parse_address(door.host);
  return door.is_unix() || (ip && is_loopback(*ip));
}

}  // namespace tenfold::broker
