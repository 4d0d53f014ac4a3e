#include "io/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "base/log.h"

namespace tenfold {
namespace {

// RFC 1035 2.3.4: "names 255 octets or less", on the wire; 253 as text.
constexpr std::size_t longest_name = 253;

Error no_address(std::string_view text, const char* why) {
  return {ErrorKind::usage, "'" + printable(text, 100) + "' is not HOST:PORT: " + why};
}

bool parse_port(std::string_view text, std::uint16_t& port) {
  const char* end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, port);
  return failed == std::errc{} && stop == end && !text.empty();
}

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > longest_name) return false;
  for (const char c : host) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_') return false;
  }
  return true;
}

bool is_ipv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

template <typename Family>
Family as(const sockaddr_storage& address) {
  Family out;
  std::memcpy(&out, &address, sizeof out);
  return out;
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text, bool allow_no_host) {
  HostPort address;
  std::string_view host;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return no_address(text, "a ']' is missing");
    host = text.substr(1, close - 1);
    if (!is_ipv6(std::string(host))) return no_address(text, "no IPv6 address between the brackets");
    if (close + 1 == text.size() || text[close + 1] != ':') return no_address(text, "the port is missing");
    port = text.substr(close + 2);
  } else {
    const std::size_t colon = text.find(':');
    if (colon != text.rfind(':')) return no_address(text, "an IPv6 address stands in brackets: [::1]:80");
    const bool port_alone = colon == std::string_view::npos;
    if (port_alone && !allow_no_host) return no_address(text, "the port is missing");
    host = port_alone ? std::string_view{} : text.substr(0, colon);
    port = port_alone ? text : text.substr(colon + 1);
    if (host.empty() && !allow_no_host) return no_address(text, "the host is missing");
    if (!host.empty() && !is_host(host)) return no_address(text, "the host is no name and no IP");
  }
  if (!parse_port(port, address.port)) return no_address(text, "the port is no number from 0 to 65535");
  address.host = host;
  return address;
}

std::string to_string(const HostPort& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool to_sockaddr(const HostPort& ip, sockaddr_storage& out) {
  out = {};
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(ip.port);
  if (inet_pton(AF_INET, ip.host.c_str(), &v4.sin_addr) == 1) {
    std::memcpy(&out, &v4, sizeof v4);
    return true;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(ip.port);
  if (inet_pton(AF_INET6, ip.host.c_str(), &v6.sin6_addr) != 1) return false;
  std::memcpy(&out, &v6, sizeof v6);
  return true;
}

unsigned size_of(const sockaddr_storage& address) {
  return address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

std::uint16_t port_of(const sockaddr_storage& address) {
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  return ntohs(as<sockaddr_in>(address).sin_port);
}

std::string ip_of(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto v4 = as<sockaddr_in>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  } else if (address.ss_family == AF_INET6) {
    const auto v6 = as<sockaddr_in6>(address);
    // RFC 4291 2.5.5.2: an "IPv4-Mapped IPv6 Address" is how a dual-stack socket shows an IPv4 peer.
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
    } else {
      inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    }
  }
  return text.data();
}

std::string to_string(const sockaddr_storage& address) { return to_string(HostPort{ip_of(address), port_of(address)}); }

}  // namespace tenfold
