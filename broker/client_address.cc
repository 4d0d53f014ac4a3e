#include "broker/client_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace tenfold::broker {

bool is_this_machine(std::string_view ip) { return ip == "::1" || ip == "127.0.0.1"; }

std::string address_group(std::string_view ip) {
  std::string group(ip);
  in6_addr address{};
  if (inet_pton(AF_INET6, group.c_str(), &address) != 1 || IN6_IS_ADDR_V4MAPPED(&address)) return group;
  std::fill(std::begin(address.s6_addr) + 8, std::end(address.s6_addr), std::uint8_t{0});
  char text[INET6_ADDRSTRLEN];
  return std::string(inet_ntop(AF_INET6, &address, text, sizeof text)) + "/64";
}

}  // namespace tenfold::broker
