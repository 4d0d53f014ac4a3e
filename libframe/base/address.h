// Address: where a listener listens or a peer connects from. TCP: a host and a port. A unix socket: a path. Flags,
// dials, listeners and sockets share it. It does no name lookup.
//
//   Result<Address> address = Address::parse("unix:/run/app.sock");
//   if (!address) return usage(address.error().detail);
//   to_string(*address);  // the text that was parsed
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tenfold {

struct Address {
  // TCP.
  std::string host;  // a name or an IP, without brackets; a peer's is an IP; empty in a listener's: every address
  std::uint16_t port = 0;
  // A unix socket's path. Empty: unnamed, as a client's is.
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

// Whether the text names a unix socket: "unix:…".
bool is_unix_text(std::string_view text);

// The text that parse() accepts, with brackets around an IPv6 address. A unix socket without a name: "unix".
std::string to_string(const Address& address);

}  // namespace tenfold
