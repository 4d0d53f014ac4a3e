#include "broker/admission/network_list.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string>

namespace tenfold::broker {

Error NetworkList::add(std::string_view network) {
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

bool NetworkList::contains(const AddressBytes& address) const {
  return std::any_of(networks_.begin(), networks_.end(), [&](const Network& network) {
    const auto whole = static_cast<std::size_t>(network.bits / 8);
    if (std::memcmp(address.data(), network.address.data(), whole) != 0) return false;
    const int rest = network.bits % 8;
    return rest == 0 || ((address[whole] ^ network.address[whole]) >> (8 - rest)) == 0;
  });
}

}  // namespace tenfold::broker
