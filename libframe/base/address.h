// Address: where something listens or who a peer is. TCP: a host and a port. A unix socket: a path. It is what flags,
// dials, listeners and sockets have in common. No name is looked up here.
//
//   Result<Address> address = Address::parse("unix:/run/app.sock");
//   if (!address) return usage(address.error().detail);
//   to_string(*address);  // as it was parsed
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tenfold {

struct Address {
  // TCP.
  std::string host;  // a name or an IP, without brackets; a peer's is an IP; a listener's may be empty: every address
  std::uint16_t port = 0;
  // Of a unix socket. Empty: it has no name, as that of a client.
  std::optional<std::string> path{};

  static Address of_unix(std::string path) { return {{}, 0, std::move(path)}; }

  // "127.0.0.1:7080", "[::1]:7080", "name:80", "unix:/run/app.sock"; with `allow_no_host`, "7080" and ":7080" too (an
  // empty host then). Errors (usage) say what is wrong, without the text itself.
  static Result<Address> parse(std::string_view text, bool allow_no_host = false);
  // TCP alone: "unix" is a host like any other.
  static Result<Address> parse_tcp(std::string_view text, bool allow_no_host = false);

  bool is_unix() const { return path.has_value(); }
  bool operator==(const Address&) const = default;
};

// Whether a text is meant as a unix socket's: "unix:…".
bool is_unix_text(std::string_view text);

// As it is parsed, with brackets round an IPv6. A unix socket without a name: "unix".
std::string to_string(const Address& address);

}  // namespace tenfold
