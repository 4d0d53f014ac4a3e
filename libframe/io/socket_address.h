// An Address as the kernel has it. Private to io/ and its tests.
#pragma once

#include "base/address.h"

struct sockaddr_storage;

namespace tenfold {

// False when the host is no IP, or the path too long.
bool to_sockaddr(const Address& address, sockaddr_storage& out);
unsigned size_of(const sockaddr_storage& address);

// `address`: zero beyond what the kernel wrote. An IPv4 in IPv6 as IPv4.
Address address_of(const sockaddr_storage& address);

}  // namespace tenfold
