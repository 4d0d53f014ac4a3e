// The JSON that a broker answers a handshake with: a grant of the classic pool, or a refusal. From a stranger: at most
// rules::classic_json_bytes of it, shallow, and nothing is believed before it is checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include "agent/rules.h"

namespace tenfold {

// What a classic server grants.
struct ClassicGrant {
  std::string id;
  std::string url;
  std::string cached_url;  // empty: none
  std::string ip;          // where the sockets are to go instead; empty: the server's own address
  std::uint16_t port = 0;
  std::size_t sockets = 1;  // max_conn_count, at most rules::classic_sockets_most
};

struct BrokerJson {
  std::optional<ClassicGrant> grant;
  std::string message;
  std::optional<std::string> code;  // only a broker that speaks tenfold/1 sends one
};

// Nothing set when `text` is no such JSON.
BrokerJson parse_broker_json(std::string_view text);

// Whether `name` may stand in a request's path as it is.
bool is_plain_name(std::string_view name);

}  // namespace tenfold
