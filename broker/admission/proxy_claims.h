// A strict parser of X-Forwarded-*, in which a proxy describes the visitor. ProxyList decides whether to trust it.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "broker/admission/client_address.h"
#include "http/head.h"

namespace tenfold::broker {

// The elements of X-Forwarded-For in the order of the fields, the nearest proxy's last. RFC 9110 5.3: several fields
// with one name are one list. Empty elements count: each is a hop whose address its proxy did not know.
std::vector<std::string_view> claimed_hops(const http::Fields& fields);

// The address in IP, IP:PORT, [IPv6] or [IPv6]:PORT. nullopt for all else ("unknown", "_hidden", quotes, zones), and
// for 0.0.0.0 and ::, which are no client's.
std::optional<AddressBytes> read_hop(std::string_view hop);

// "http" or "https" if X-Forwarded-Proto says so (in any case), otherwise empty. The last element of a list counts: it
// is the proxy's own; earlier ones may come from the visitor.
std::string_view claimed_scheme(const http::Fields& fields);

// X-Forwarded-Host if it is a host with an optional port, otherwise empty. The last element of a list, as above.
std::string_view claimed_host(const http::Fields& fields);

}  // namespace tenfold::broker
