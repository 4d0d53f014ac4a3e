// The conversion between an Address and the kernel's sockaddr. Private to io/ and its tests.
#pragma once

#include "base/address.h"

struct sockaddr_storage;

namespace tenfold {

// False if the host is not an IP, or the path is too long.
bool to_sockaddr(const Address& address, sockaddr_storage& out);
unsigned size_of(const sockaddr_storage& address);

// `address`: zero beyond what the kernel wrote. An IPv4-mapped IPv6 address becomes IPv4.
Address address_of(const sockaddr_storage& address);

}  // namespace tenfold
