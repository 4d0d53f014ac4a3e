// Endpoint: where something listens, and whether TLS is spoken there; and the texts that people write for one.
#pragma once

#include <string>
#include <string_view>

#include "base/address.h"
#include "base/result.h"

namespace tenfold {

struct Endpoint {
  bool tls = false;
  Address address;
};

// TARGET: "8080" (on localhost), "host:port", "http://host[:port]", "https://host[:port]", "unix:/path".
// Errors (usage) say what is wrong, without the text itself.
Result<Endpoint> parse_target(std::string_view text);

// --host: a URL with a scheme, and no path but "/".
Result<Endpoint> parse_broker_url(std::string_view text);

// "http://localhost:8080": always with its port. "unix:/path" of a unix socket.
std::string to_string(const Endpoint& endpoint);

// What a Host field says, over TCP: without the port where it is the scheme's own.
std::string authority(const Endpoint& endpoint);

// `localhost`, 127.0.0.0/8 and ::1, as written: no name is looked up, for whoever answers the
// look-up could call itself loopback.
bool is_loopback(std::string_view host);

// A literal IPv4 or IPv6 address.
bool is_ip(std::string_view host);

}  // namespace tenfold
