#include "broker/admission/proxy_list.h"

#include <optional>

#include "broker/admission/proxy_claims.h"

namespace tenfold::broker {

Error ProxyList::add(std::string_view network) {
  if (network == unix_peer) {
    unix_peers_ = true;
    return {};
  }
  return networks_.add(network);
}

bool ProxyList::contains(std::string_view ip) const {
  if (ip == unix_peer) return unix_peers_;
  if (networks_.empty()) return false;
  const std::optional<AddressBytes> address = parse_address(ip);
  return address && networks_.contains(*address);
}

std::string ProxyList::client_ip(std::string_view peer_ip, const http::Fields& fields) const {
  if (!contains(peer_ip)) return std::string(as_ip(peer_ip));
  const std::vector<std::string_view> hops = claimed_hops(fields);
  AddressBytes reporter = *parse_address(as_ip(peer_ip));
  std::optional<AddressBytes> client;
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    client = read_hop(*hop);
    // A loopback address reported by another machine is not this machine.
    if (!client || (is_loopback(*client) && !is_loopback(reporter))) return std::string(unknown_client);
    if (!networks_.contains(*client)) break;
    reporter = *client;
  }
  return client ? address_text(*client) : std::string(unknown_client);
}

std::string_view ProxyList::scheme(std::string_view peer_ip, const http::Fields& fields, std::string_view own) const {
  const std::string_view claimed = contains(peer_ip) ? claimed_scheme(fields) : std::string_view{};
  return claimed.empty() ? own : claimed;
}

}  // namespace tenfold::broker
