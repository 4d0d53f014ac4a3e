#include "broker/admission/client_address.h"

#include <arpa/inet.h>

#include <algorithm>

namespace tenfold::broker {
namespace {

constexpr std::size_t v4_offset = 12;

bool is_v4(const AddressBytes& address) {
  constexpr AddressBytes mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(address.begin(), address.begin() + v4_offset, mapped.begin());
}

}  // namespace

std::optional<AddressBytes> parse_address(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos) return {};
  std::copy(text.begin(), text.end(), terminated.begin());
  AddressBytes address{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (inet_pton(AF_INET, terminated.data(), address.data() + v4_offset) == 1) return address;
  if (inet_pton(AF_INET6, terminated.data(), address.data()) == 1) return address;
  return {};
}

std::string address_text(const AddressBytes& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4(address)) {
    inet_ntop(AF_INET, address.data() + v4_offset, text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  }
  return text.data();
}

bool is_loopback(const AddressBytes& address) {
  constexpr AddressBytes v6_loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return is_v4(address) ? address[v4_offset] == 127 : address == v6_loopback;
}

bool is_this_machine(std::string_view ip) { return ip == "::1" || ip == this_machine || ip == unix_peer; }

std::string ip_of_peer(const Address& peer) { return peer.is_unix() ? std::string(unix_peer) : peer.host; }

std::string_view as_ip(std::string_view peer_ip) { return peer_ip == unix_peer ? this_machine : peer_ip; }

bool may_be_client(std::string_view asker_ip, std::string_view peer_ip) {
  const std::optional<AddressBytes> asker = parse_address(asker_ip);
  const std::optional<AddressBytes> peer = parse_address(peer_ip);
  if (!asker) return true;
  if (!peer) return false;
  if (is_loopback(*asker)) return is_loopback(*peer);
  return address_group(asker_ip) == address_group(peer_ip);
}

std::string address_group(std::string_view ip) {
  std::optional<AddressBytes> address = parse_address(ip);
  if (!address) return std::string(ip);
  if (is_v4(*address)) return address_text(*address);
  std::fill(address->begin() + 8, address->end(), std::uint8_t{0});
  return address_text(*address) + "/64";
}

}  // namespace tenfold::broker
