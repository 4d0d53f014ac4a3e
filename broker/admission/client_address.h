// How the broker treats a client's address when it counts clients or compares them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"

namespace tenfold::broker {

// An IPv4 address becomes ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that both notations are equal.
using AddressBytes = std::array<std::uint8_t, 16>;

// A plain IP: no port, no brackets, no zone.
std::optional<AddressBytes> parse_address(std::string_view text);
std::string address_text(const AddressBytes& address);

// 127.0.0.0/8 or ::1.
bool is_loopback(const AddressBytes& address);

// The placeholder for a client that a listed proxy does not identify. All unknown clients share each limit, and being
// one proves nothing.
inline constexpr std::string_view unknown_client = "unknown";

// The placeholder for the IP of a unix socket's peer. It is on this machine: apps see `this_machine` instead, and
// limits treat it so.
inline constexpr std::string_view unix_peer = "unix";
inline constexpr std::string_view this_machine = "127.0.0.1";

// Connections from here are the operator's own, or come from an unlisted proxy: no limits by address.
bool is_this_machine(std::string_view ip);

// The IP of a socket's peer, or `unix_peer`.
std::string ip_of_peer(const Address& peer);

// `peer_ip` as an IP: `this_machine` for `unix_peer`.
std::string_view as_ip(std::string_view peer_ip);

// Whether a socket from `peer_ip` may belong to the client that asked from `asker_ip`: the same address, or the same
// IPv6 /64. All loopback addresses are equal, since a client may ask from 127.0.0.1 and dial ::1. An unknown asker
// matches every address.
bool may_be_client(std::string_view asker_ip, std::string_view peer_ip);

// The unit that limits apply to: an IPv4 address itself, or the /64 of an IPv6 address, which is the smallest network
// that a customer gets and may use freely.
std::string address_group(std::string_view ip);

}  // namespace tenfold::broker
