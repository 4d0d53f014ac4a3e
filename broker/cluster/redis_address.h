// RedisAddress: where the registry is and how to log in there, as `--registry` says it.
//
//   redis://[USER:PASSWORD@]HOST:PORT[/DB]      rediss://…   the same over TLS
//   redis://[USER:PASSWORD@]unix:/PATH          a unix socket
//
// An octet of USER and PASSWORD may be written as %XX. An empty USER logs in by the password alone. Without a port:
// 6379. Plain data.
#pragma once

#include <string>
#include <string_view>

#include "base/address.h"
#include "base/result.h"

namespace tenfold::broker {

struct RedisAddress {
  Address address;
  std::string user;      // empty: the default user
  std::string password;  // empty: no log-in
  unsigned database = 0;
  bool tls = false;

  // Errors (usage) say what is wrong, without the text: it may hold a password.
  static Result<RedisAddress> parse(std::string_view text);
};

// For logs: without user and password.
std::string to_string(const RedisAddress& address);

}  // namespace tenfold::broker
