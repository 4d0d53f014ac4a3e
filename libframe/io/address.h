// Addresses as text: IP:PORT as flags and logs have them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

struct sockaddr_storage;

namespace tenfold {

struct HostPort {
  std::string host;  // a name or an IP, without brackets
  std::uint16_t port = 0;
};

// "127.0.0.1:7080", "[::1]:7080", "name:80"; with `allow_no_host`, "7080" and ":7080" too (an empty host then).
// Errors (usage) name the text.
Result<HostPort> parse_host_port(std::string_view text, bool allow_no_host = false);

// As the kernel takes it; false when the host is no IP.
bool to_sockaddr(const HostPort& ip, sockaddr_storage& out);
unsigned size_of(const sockaddr_storage& address);
std::uint16_t port_of(const sockaddr_storage& address);

std::string to_string(const HostPort& address);  // brackets round an IPv6
std::string to_string(const sockaddr_storage& address);
std::string ip_of(const sockaddr_storage& address);  // an IPv4 in IPv6 as IPv4

}  // namespace tenfold
