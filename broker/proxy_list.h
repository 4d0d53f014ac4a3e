// ProxyList: the load balancers in front of us, whose word about a visitor's address counts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "http1/head.h"

namespace tenfold::broker {

class ProxyList {
 public:
  // "10.0.0.7", "10.0.0.0/8", "fd00::/8". Errors (usage) name the text.
  Error add(std::string_view network);

  bool contains(std::string_view ip) const;

  // Who really asks: `peer_ip`, or, when that is a listed proxy, the last address in X-Forwarded-For
  // that is not one itself.
  std::string_view client_ip(std::string_view peer_ip, const http1::Fields& fields) const;

 private:
  using Address = std::array<std::uint8_t, 16>;  // an IPv4 as ::ffff:a.b.c.d
  struct Network {
    Address address;
    int bits;
  };
  static bool parse(std::string_view text, Address& address, bool& is_v4);

  std::vector<Network> networks_;
};

}  // namespace tenfold::broker
