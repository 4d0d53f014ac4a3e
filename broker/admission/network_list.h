// NetworkList: a set of IP networks, each "10.0.0.7", "10.0.0.0/8" or "fd00::/8".
#pragma once

#include <string_view>
#include <vector>

#include "base/error.h"
#include "broker/admission/client_address.h"

namespace tenfold::broker {

class NetworkList {
 public:
  // Errors (usage) name the text.
  Error add(std::string_view network);

  bool empty() const { return networks_.empty(); }
  bool contains(const AddressBytes& address) const;

 private:
  struct Network {
    AddressBytes address;
    int bits;
  };
  std::vector<Network> networks_;
};

}  // namespace tenfold::broker
