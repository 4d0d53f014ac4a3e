#include "broker/front/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <utility>

#include "broker/admission/client_address.h"
#include "broker/rules.h"

namespace tenfold::broker {
namespace {

using State = ProxyHeader::State;

ProxyHeader more(std::size_t size) { return {State::more, size}; }
ProxyHeader whole(std::size_t size, std::optional<Address> source = {}) {
  return {State::whole, size, std::move(source)};
}
ProxyHeader refused(std::string_view reason) { return {State::refused, 0, {}, reason}; }

// Whether one of the two is the beginning of the other.
bool agree(std::string_view a, std::string_view b) {
  const std::size_t both = std::min(a.size(), b.size());
  return a.substr(0, both) == b.substr(0, both);
}

// ---- Version 1: one line of text ------------------------------------------------

constexpr std::string_view v1_begin = "PROXY ";
constexpr std::string_view v1_unknown = "UNKNOWN";
constexpr std::string_view v1_shortest_unknown = "PROXY UNKNOWN\r\n";
constexpr std::string_view v1_shortest_tcp4 = "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n";
constexpr std::string_view v1_shortest_tcp6 = "PROXY TCP6 :: :: 0 0\r\n";

// "TCP source and destination port represented as a decimal integer in the range [0..65535] inclusive. Heading zeroes
// are not permitted".
std::optional<std::uint16_t> read_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool plain = failed == std::errc{} && end == text.data() + text.size() && (text[0] != '0' || text.size() == 1);
  return plain ? std::optional(port) : std::nullopt;
}

// An address in the notation of its family; an IPv4-mapped one is IPv4.
std::optional<std::string> read_address(std::string_view text, bool v6) {
  if ((text.find(':') != std::string_view::npos) != v6) return {};
  const std::optional<AddressBytes> address = parse_address(text);
  return address ? std::optional(address_text(*address)) : std::nullopt;
}

// The rest of a TCP4 or TCP6 line without its CRLF: "SOURCE DESTINATION PORT PORT".
ProxyHeader read_endpoints(std::string_view text, bool v6, std::size_t size) {
  std::array<std::string_view, 4> words;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if ((end == text.size()) != (i + 1 == words.size())) return refused("words");
    words[i] = text.substr(0, end);
    if (end != text.size()) text.remove_prefix(end + 1);
  }
  std::optional<std::string> source = read_address(words[0], v6);
  if (!source || !read_address(words[1], v6)) return refused("address");
  const std::optional<std::uint16_t> port = read_port(words[2]);
  if (!port || !read_port(words[3])) return refused("port");
  return whole(size, Address{*std::move(source), *port});
}

ProxyHeader read_v1(std::string_view text) {
  std::string_view rest = text.substr(std::min(text.size(), v1_begin.size()));
  const bool unknown = agree(rest, v1_unknown);
  const bool v6 = agree(rest, "TCP6 ");
  if (!unknown && !v6 && !agree(rest, "TCP4 ")) return refused("protocol");
  const std::string_view shortest = unknown ? v1_shortest_unknown : v6 ? v1_shortest_tcp6 : v1_shortest_tcp4;
  const std::size_t end = text.find("\r\n");
  if (end == std::string_view::npos) {
    if (text.find('\n') != std::string_view::npos) return refused("line");
    const std::size_t missing = text.ends_with('\r') ? 1 : 2;
    const std::size_t size = std::max(text.size() + missing, shortest.size());
    return size <= rules::proxy_header_line ? more(size) : refused("long");
  }
  const std::size_t size = end + 2;
  if (size != text.size() || size < shortest.size()) return refused("line");
  rest = rest.substr(0, rest.size() - 2);
  if (!unknown) return read_endpoints(rest.substr(5), v6, size);
  // "the receiver must ignore anything presented before the CRLF is found".
  rest.remove_prefix(v1_unknown.size());
  return rest.empty() || rest[0] == ' ' ? whole(size) : refused("protocol");
}

// ---- Version 2: binary -----------------------------------------------------------

constexpr std::string_view v2_signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t v2_fixed = 16;  // signature, version and command, family, length

enum Family : std::uint8_t { unspecified, inet, inet6, local_file };
constexpr std::uint8_t protocol_stream = 1;
constexpr std::uint8_t protocols = 3;

// Two addresses and two ports of each family, in bytes.
constexpr std::size_t v2_inet = 12;
constexpr std::size_t v2_inet6 = 36;
constexpr std::size_t v2_unix = 216;

std::size_t addresses_of(std::uint8_t family) {
  switch (family) {
    case inet: return v2_inet;
    case inet6: return v2_inet6;
    case local_file: return v2_unix;
    default: return 0;
  }
}

std::uint16_t number_at(Bytes bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

Address source_of(Bytes addresses, bool v6) {
  AddressBytes ip{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const std::size_t width = v6 ? 16 : 4;
  std::copy_n(addresses.begin(), width, ip.end() - static_cast<std::ptrdiff_t>(width));
  return {address_text(ip), number_at(addresses, 2 * width)};
}

ProxyHeader read_v2(Bytes bytes) {
  if (bytes.size() < v2_fixed) return more(v2_fixed);
  const std::uint8_t command = bytes[12];
  if (command >> 4 != 2) return refused("version");
  if ((command & 0xf) > 1) return refused("command");
  const std::size_t size = v2_fixed + number_at(bytes, 14);
  if (size > rules::proxy_header_bytes) return refused("long");
  const auto family = static_cast<std::uint8_t>(bytes[13] >> 4);
  const auto protocol = static_cast<std::uint8_t>(bytes[13] & 0xf);
  const bool local = command == 0x20;
  if (!local) {
    // A family goes with a protocol, and none with none.
    const bool known = family <= local_file && protocol < protocols && (family == unspecified) == (protocol == 0);
    if (!known) return refused("family");
    if (size < v2_fixed + addresses_of(family)) return refused("short");
  }
  if (bytes.size() < size) return more(size);
  // "The receiver must accept this connection as valid and must use the real connection endpoints".
  const bool named = !local && protocol == protocol_stream && (family == inet || family == inet6);
  return named ? whole(size, source_of(bytes.subspan(v2_fixed), family == inet6)) : whole(size);
}

bool is_local(const Address& peer) {
  const std::optional<AddressBytes> ip = parse_address(as_ip(ip_of_peer(peer)));
  return ip && is_loopback(*ip);
}

}  // namespace

ProxyHeader read_proxy_header(Bytes so_far) {
  const std::string_view text = to_text(so_far);
  if (text.empty()) return more(v2_signature.size());
  if (agree(text, v2_signature)) return text.size() < v2_signature.size() ? more(v2_signature.size()) : read_v2(so_far);
  if (agree(text, v1_begin)) return text.size() < v2_signature.size() ? more(v2_signature.size()) : read_v1(text);
  return refused("missing");
}

Address announced_peer(const std::optional<Address>& source, const Address& balancer) {
  return source && (!is_local(*source) || is_local(balancer)) ? *source : balancer;
}

}  // namespace tenfold::broker
