#include "broker/proxy_list.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace tenfold::broker {

bool ProxyList::parse(std::string_view text, Address& address, bool& is_v4) {
  char terminated[INET6_ADDRSTRLEN] = {};
  if (text.empty() || text.size() >= sizeof terminated) return false;
  std::copy(text.begin(), text.end(), terminated);
  address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  is_v4 = inet_pton(AF_INET, terminated, address.data() + 12) == 1;
  return is_v4 || inet_pton(AF_INET6, terminated, address.data()) == 1;
}

Error ProxyList::add(std::string_view network) {
  const Error bad{ErrorKind::usage, "not an IP address or network: " + std::string(network)};
  const std::size_t slash = network.find('/');
  Network parsed{};
  bool is_v4 = false;
  if (!parse(network.substr(0, slash), parsed.address, is_v4)) return bad;
  const int width = is_v4 ? 32 : 128;
  int bits = width;
  if (slash != std::string_view::npos) {
    const std::string_view digits = network.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc{} || end != digits.data() + digits.size() || bits < 0 || bits > width) return bad;
  }
  parsed.bits = bits + 128 - width;
  networks_.push_back(parsed);
  return {};
}

bool ProxyList::contains(std::string_view ip) const {
  Address address;
  bool is_v4 = false;
  if (networks_.empty() || !parse(ip, address, is_v4)) return false;
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    const auto whole = static_cast<std::size_t>(network.bits / 8);
    if (std::memcmp(address.data(), network.address.data(), whole) != 0) return false;
    const int rest = network.bits % 8;
    return rest == 0 || ((address[whole] ^ network.address[whole]) >> (8 - rest)) == 0;
  });
}

std::string_view ProxyList::client_ip(std::string_view peer_ip, const http1::Fields& fields) const {
  if (!contains(peer_ip)) return peer_ip;
  std::string_view client = peer_ip;
  std::vector<std::string_view> chain;
  http1::any_token(fields, "X-Forwarded-For", [&](std::string_view ip) { return chain.push_back(ip), false; });
  Address address;
  bool is_v4 = false;
  for (auto ip = chain.rbegin(); ip != chain.rend() && parse(*ip, address, is_v4); ++ip) {
    client = *ip;
    if (!contains(client)) break;
  }
  return client;
}

}  // namespace tenfold::broker
