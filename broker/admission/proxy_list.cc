#include "broker/admission/proxy_list.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "broker/admission/proxy_claims.h"

namespace tenfold::broker {

Error ProxyList::add(std::string_view network) {
  if (network == unix_peer) {
    unix_peers_ = true;
    return {};
  }
  const Error bad{ErrorKind::usage, "not an IP address or network: " + std::string(network)};
  const std::size_t slash = network.find('/');
  const std::string_view ip = network.substr(0, slash);
  const std::optional<AddressBytes> address = parse_address(ip);
  if (!address) return bad;
  const int width = ip.find(':') == std::string_view::npos ? 32 : 128;
  int bits = width;
  if (slash != std::string_view::npos) {
    const std::string_view digits = network.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc{} || end != digits.data() + digits.size() || bits < 0 || bits > width) return bad;
  }
  networks_.push_back({*address, bits + 128 - width});
  return {};
}

bool ProxyList::contains(const AddressBytes& address) const {
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    const auto whole = static_cast<std::size_t>(network.bits / 8);
    if (std::memcmp(address.data(), network.address.data(), whole) != 0) return false;
    const int rest = network.bits % 8;
    return rest == 0 || ((address[whole] ^ network.address[whole]) >> (8 - rest)) == 0;
  });
}

bool ProxyList::contains(std::string_view ip) const {
  if (ip == unix_peer) return unix_peers_;
  if (networks_.empty()) return false;
  const std::optional<AddressBytes> address = parse_address(ip);
  return address && contains(*address);
}

std::string ProxyList::client_ip(std::string_view peer_ip, const http::Fields& fields) const {
  if (!contains(peer_ip)) return std::string(as_ip(peer_ip));
  const std::vector<std::string_view> hops = claimed_hops(fields);
  AddressBytes reporter = *parse_address(as_ip(peer_ip));
  std::optional<AddressBytes> client;
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    client = read_hop(*hop);
    // What another machine calls loopback is that machine, not this one.
    if (!client || (is_loopback(*client) && !is_loopback(reporter))) return std::string(unknown_client);
    if (!contains(*client)) break;
    reporter = *client;
  }
  return client ? address_text(*client) : std::string(unknown_client);
}

std::string_view ProxyList::scheme(std::string_view peer_ip, const http::Fields& fields, std::string_view own) const {
  const std::string_view claimed = contains(peer_ip) ? claimed_scheme(fields) : std::string_view{};
  return claimed.empty() ? own : claimed;
}

}  // namespace tenfold::broker
