// Endpoint: an address and whether it speaks TLS, and the texts for it on the command line.
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

// TARGET: "8080" (on localhost), "host:port", "http://host[:port]", "https://host[:port]", "unix:/path". Errors (usage)
// say what is wrong, without the text itself.
Result<Endpoint> parse_target(std::string_view text);

// --host: a URL with a scheme, and no path but "/".
Result<Endpoint> parse_broker_url(std::string_view text);

// "http://localhost:8080": always with its port. "unix:/path" of a unix socket.
std::string to_string(const Endpoint& endpoint);

// The Host field for it, over TCP: without the scheme's default port.
std::string authority(const Endpoint& endpoint);

// `localhost`, 127.0.0.0/8 and ::1, as written: names are not looked up, since a resolver could answer with a loopback
// address for any name.
bool is_loopback(std::string_view host);

// A literal IPv4 or IPv6 address.
bool is_ip(std::string_view host);

}  // namespace tenfold
