// What the broker makes of a client's address where it counts clients or has to tell one from another.
#pragma once

#include <string>
#include <string_view>

namespace tenfold::broker {

// Connections from here are the operator's own, or a proxy's that was not named: no limits by address.
bool is_this_machine(std::string_view ip);

// Whom an address stands for: an IPv4 one for itself, an IPv6 one for its /64, which is the least that a customer gets
// and from which he may take as many addresses as he likes.
std::string address_group(std::string_view ip);

}  // namespace tenfold::broker
