#include "http/authority.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "http/head.h"
#include "http/octets.h"

namespace tenfold::http {
namespace {

// The octets of reg-name and IPv4address, without percent-encoding and sub-delims, which no DNS name has.
constexpr std::array<bool, 256> name_octets = [] {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = table[c + 'a' - 'A'] = true;
  for (const char c : std::string_view("-._~")) table[static_cast<std::uint8_t>(c)] = true;
  return table;
}();

// Labels separated by single dots. A dot at the end is allowed: the root of RFC 1034 3.1.
bool is_name(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  char before = '.';
  for (const char c : host) {
    if (!name_octets[static_cast<std::uint8_t>(c)] || (c == '.' && before == '.')) return false;
    before = c;
  }
  return before != '.';
}

bool is_ipv6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return false;
  std::copy(text.begin(), text.end(), terminated.begin());
  in6_addr address;
  return inet_pton(AF_INET6, terminated.data(), &address) == 1;
}

// port = *DIGIT; an empty one is legal and means the default. Valid ports are 1 to 65535.
bool is_port(std::string_view text) {
  if (text.empty()) return true;
  if (text.size() > 5 || !std::all_of(text.begin(), text.end(), is_digit)) return false;
  int port = 0;
  for (const char c : text) port = port * 10 + (c - '0');
  return port >= 1 && port <= 65535;
}

}  // namespace

std::string_view without_port(std::string_view host) {
  if (!host.empty() && host.front() == '[') return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_ip_literal(std::string_view host) {
  if (!host.empty() && host.front() == '[') return true;
  // The last label of a name is never all digits (RFC 1123 2.1); that of an IPv4 address always is.
  const std::string_view last = host.substr(host.rfind('.') + 1);
  return !last.empty() && std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view target_scheme(std::string_view target) {
  for (const std::string_view scheme : {"http", "https"}) {
    if (target.size() > scheme.size() && target.substr(scheme.size()).starts_with("://") &&
        equal_nocase(target.substr(0, scheme.size()), scheme)) {
      return scheme;
    }
  }
  return {};
}

std::string_view target_authority(std::string_view target) {
  const std::size_t scheme_end = target.find("://");
  // A later "://" belongs to the path or query of another form.
  if (scheme_end == std::string_view::npos || target.find_first_of("/?#") < scheme_end) return {};
  const std::string_view rest = target.substr(scheme_end + 3);
  return rest.substr(0, rest.find_first_of("/?#"));
}

bool is_authority(std::string_view text) {
  const bool literal = text.starts_with('[');
  const std::size_t host_end =
      literal ? std::min(text.find(']'), text.size() - 1) + 1 : std::min(text.find(':'), text.size());
  const std::string_view host = text.substr(0, host_end);
  const std::string_view rest = text.substr(host_end);
  if (!rest.empty() && (rest[0] != ':' || !is_port(rest.substr(1)))) return false;
  if (!literal) return is_name(host);
  return host.size() > 2 && host.ends_with(']') && is_ipv6(host.substr(1, host.size() - 2));
}

}  // namespace tenfold::http
