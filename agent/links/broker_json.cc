#include "agent/links/broker_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/rules.h"
#include "agent/targets/endpoint.h"

namespace tenfold {
namespace {

using Json = nlohmann::json;

constexpr int depth_most = 8;  // ours has 1; the bytes bound the parser's work, this bounds its memory

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::optional<std::int64_t> number_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<std::int64_t>();
}

std::optional<ClassicGrant> grant_in(const Json& object) {
  const std::optional<std::int64_t> port = number_at(object, "port");
  ClassicGrant grant;
  grant.id = text_at(object, "id");
  grant.url = text_at(object, "url");
  if (grant.id.empty() || grant.url.empty() || !port || *port < 1 || *port > 65535) return std::nullopt;
  grant.port = static_cast<std::uint16_t>(*port);
  grant.cached_url = text_at(object, "cached_url");
  grant.ip = text_at(object, "ip");
  if (!is_ip(grant.ip)) grant.ip.clear();
  const std::int64_t sockets = number_at(object, "max_conn_count").value_or(1);
  grant.sockets = static_cast<std::size_t>(
      std::clamp<std::int64_t>(sockets, 1, static_cast<std::int64_t>(rules::classic_sockets_most)));
  return grant;
}

}  // namespace

BrokerJson parse_broker_json(std::string_view text) {
  if (text.size() > rules::classic_json_bytes) return {};
  bool deep = false;
  const auto shallow = [&deep](int depth, Json::parse_event_t, Json&) {
    deep |= depth > depth_most;
    return !deep;
  };
  const Json object = Json::parse(text, shallow, false);
  if (deep || !object.is_object()) return {};
  BrokerJson out;
  out.grant = grant_in(object);
  out.message = text_at(object, "message");
  if (std::string code = text_at(object, "code"); !code.empty()) out.code = std::move(code);
  return out;
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace tenfold
