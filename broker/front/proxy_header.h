// The PROXY protocol's header, versions 1 and 2, by which a balancer in TCP mode says where a connection comes from.
// Pure: the bytes since the connection's start in, an answer out.
//
//   Bytes so_far = …;                                // empty at first
//   ProxyHeader header = read_proxy_header(so_far);
//   more:     read on until header.size bytes are there, none beyond, and ask again
//   whole:    all of so_far is the header; header.source is the peer
//   refused:  no header, or a bad one: close
//
// `more` never asks for a byte behind the header's end, so what follows the header stays in the kernel, and
// TLS or HTTP reads it as if there had been no header.
//
// Source: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt (2.1 and 2.2 are the versions).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"

namespace tenfold::broker {

struct ProxyHeader {
  enum class State { more, whole, refused };

  State state = State::refused;
  // more: of this many bytes at least the header consists. whole: of this many.
  std::size_t size = 0;
  // whole: the peer. None for LOCAL, UNKNOWN, unix sockets and datagrams: the socket's own peer counts.
  std::optional<Address> source{};
  // refused: what is wrong, in a few words.
  std::string_view reason{};
};

// `so_far`: no more than the last answer's size.
ProxyHeader read_proxy_header(Bytes so_far);

// The peer of a connection from `balancer` whose header names `source`. Loopback, as another machine says it, is that
// machine's: its own address counts, for no visitor of it is this machine.
Address announced_peer(const std::optional<Address>& source, const Address& balancer);

}  // namespace tenfold::broker
