#include "io/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstring>

namespace tenfold {
namespace {

template <typename Family>
Family as(const sockaddr_storage& address) {
  Family out;
  std::memcpy(&out, &address, sizeof out);
  return out;
}

bool to_sockaddr_un(const std::string& path, sockaddr_storage& out) {
  sockaddr_un at{};
  if (path.size() >= sizeof at.sun_path) return false;
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path, path.data(), path.size());
  std::memcpy(&out, &at, sizeof at);
  return true;
}

std::string path_of(const sockaddr_un& address) {
  return {address.sun_path, ::strnlen(address.sun_path, sizeof address.sun_path)};
}

}  // namespace

bool to_sockaddr(const Address& address, sockaddr_storage& out) {
  out = {};
  if (address.is_unix()) return to_sockaddr_un(*address.path, out);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(address.port);
  if (inet_pton(AF_INET, address.host.c_str(), &v4.sin_addr) == 1) {
    std::memcpy(&out, &v4, sizeof v4);
    return true;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  if (inet_pton(AF_INET6, address.host.c_str(), &v6.sin6_addr) != 1) return false;
  std::memcpy(&out, &v6, sizeof v6);
  return true;
}

unsigned size_of(const sockaddr_storage& address) {
  switch (address.ss_family) {
    case AF_UNIX: return sizeof(sockaddr_un);
    case AF_INET: return sizeof(sockaddr_in);
    default: return sizeof(sockaddr_in6);
  }
}

Address address_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_UNIX) return Address::of_unix(path_of(as<sockaddr_un>(address)));
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto v4 = as<sockaddr_in>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return {text.data(), ntohs(v4.sin_port)};
  }
  const auto v6 = as<sockaddr_in6>(address);
  // RFC 4291 2.5.5.2: an "IPv4-Mapped IPv6 Address" is how a dual-stack socket shows an IPv4 peer.
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  }
  return {text.data(), ntohs(v6.sin6_port)};
}

}  // namespace tenfold
