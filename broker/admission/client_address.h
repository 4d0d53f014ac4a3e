// What the broker makes of a client's address where it counts clients or has to tell one from another.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"

namespace tenfold::broker {

// An IPv4 address as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that both ways to write one are equal.
using AddressBytes = std::array<std::uint8_t, 16>;

// An IP and nothing else: no port, no brackets, no zone.
std::optional<AddressBytes> parse_address(std::string_view text);
std::string address_text(const AddressBytes& address);

// 127.0.0.0/8 or ::1.
bool is_loopback(const AddressBytes& address);

// Stands in the place of an address where a listed proxy does not say who its client is. All of these are one client
// to every limit, and being one proves nothing.
inline constexpr std::string_view unknown_client = "unknown";

// Stands in the place of the IP of a peer who came by a unix socket. It is this machine's: `this_machine` in its place
// is what apps are told, and what it counts as.
inline constexpr std::string_view unix_peer = "unix";
inline constexpr std::string_view this_machine = "127.0.0.1";

// Connections from here are the operator's own, or a proxy's that was not named: no limits by address.
bool is_this_machine(std::string_view ip);

// The IP of a socket's peer, or `unix_peer`.
std::string ip_of_peer(const Address& peer);

// `peer_ip` where an IP is wanted: `this_machine` for `unix_peer`.
std::string_view as_ip(std::string_view peer_ip);

// Whether a socket from `peer_ip` may be the client's who asked from `asker_ip`: the same address, or the same IPv6
// /64. On loopback all addresses are one, for a client may ask by 127.0.0.1 and dial ::1. An unknown asker may be
// anywhere.
bool may_be_client(std::string_view asker_ip, std::string_view peer_ip);

// Whom an address stands for: an IPv4 one for itself, an IPv6 one for its /64, which is the least that a customer gets
// and from which he may take as many addresses as he likes.
std::string address_group(std::string_view ip);

}  // namespace tenfold::broker
