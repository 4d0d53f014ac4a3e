#include "base/address.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <charconv>
#include <cstddef>

namespace tenfold {
namespace {

constexpr std::string_view unix_prefix = "unix:";

// RFC 1035 2.3.4: "names 255 octets or less", on the wire; 253 as text.
constexpr std::size_t longest_name = 253;

// unix(7): "sun_path should be terminated with a null byte".
constexpr std::size_t longest_path = sizeof(sockaddr_un::sun_path) - 1;

Error bad(std::string why) { return {ErrorKind::usage, std::move(why)}; }

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

Result<Address> parse_path(std::string_view path) {
  if (path.empty()) return bad("the path of the unix socket is missing");
  if (!path.starts_with('/')) return bad("the path of a unix socket begins with '/'");
  if (path.size() > longest_path) {
    return bad("the path of a unix socket has " + std::to_string(longest_path) + " bytes at most, this one " +
               std::to_string(path.size()));
  }
  if (path.find('\0') != std::string_view::npos) return bad("the path of a unix socket has no zero byte");
  return Address::of_unix(std::string(path));
}

}  // namespace

bool is_unix_text(std::string_view text) { return text.starts_with(unix_prefix); }

Result<Address> Address::parse(std::string_view text, bool allow_no_host) {
  return is_unix_text(text) ? parse_path(text.substr(unix_prefix.size())) : parse_tcp(text, allow_no_host);
}

Result<Address> Address::parse_tcp(std::string_view text, bool allow_no_host) {
  Address address;
  std::string_view host;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return bad("a ']' is missing");
    host = text.substr(1, close - 1);
    if (!is_ipv6(std::string(host))) return bad("no IPv6 address between the brackets");
    if (close + 1 == text.size() || text[close + 1] != ':') return bad("the port is missing");
    port = text.substr(close + 2);
  } else {
    const std::size_t colon = text.find(':');
    if (colon != text.rfind(':')) return bad("an IPv6 address stands in brackets: [::1]:80");
    const bool port_alone = colon == std::string_view::npos;
    if (port_alone && !allow_no_host) return bad("the port is missing");
    host = port_alone ? std::string_view{} : text.substr(0, colon);
    port = port_alone ? text : text.substr(colon + 1);
    if (host.empty() && !allow_no_host) return bad("the host is missing");
    if (!host.empty() && !is_host(host)) return bad("the host is no name and no IP");
  }
  if (!parse_port(port, address.port)) return bad("the port is no number from 0 to 65535");
  address.host = host;
  return address;
}

std::string to_string(const Address& address) {
  if (address.is_unix()) return address.path->empty() ? "unix" : std::string(unix_prefix) + *address.path;
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace tenfold
