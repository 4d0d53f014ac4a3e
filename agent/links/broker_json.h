// The JSON answer of a broker to a handshake: a grant of the classic pool, or a refusal. It is untrusted: at most
// rules::classic_json_bytes, limited in depth, and every value is checked before use.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include "agent/rules.h"

namespace tenfold {

// A classic server's grant.
struct ClassicGrant {
  std::string id;
  std::string url;
  std::string cached_url;  // empty: none
  std::string ip;          // the address for the sockets; empty: the server's own
  std::uint16_t port = 0;
  std::size_t sockets = 1;  // max_conn_count, at most rules::classic_sockets_most
};

struct BrokerJson {
  std::optional<ClassicGrant> grant;
  std::string message;
  std::optional<std::string> code;  // only a broker that speaks tenfold/1 sends it
};

// All members are unset if `text` is not such JSON.
BrokerJson parse_broker_json(std::string_view text);

// Whether `name` can be used unescaped in a request's path.
bool is_plain_name(std::string_view name);

}  // namespace tenfold
