// What a proxy says of a visitor in X-Forwarded-*, read strictly. Whether its word counts is ProxyList's question.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "broker/admission/client_address.h"
#include "http/head.h"

namespace tenfold::broker {

// X-Forwarded-For's elements in the order of the fields, the proxy's own last. RFC 9110 5.3: several fields of one name
// are one list. Empty elements count: each stands for a hop whose address its proxy did not know.
std::vector<std::string_view> claimed_hops(const http::Fields& fields);

// The address in IP, IP:PORT, [IPv6] or [IPv6]:PORT. Nothing for all else ("unknown", "_hidden", quotes, zones), and
// for 0.0.0.0 and ::, which no client has.
std::optional<AddressBytes> read_hop(std::string_view hop);

// "http" or "https" when X-Forwarded-Proto says so in any case, otherwise empty. Of a list the last element counts: it
// is the proxy's own, those before may be the visitor's.
std::string_view claimed_scheme(const http::Fields& fields);

// X-Forwarded-Host when it is a host and perhaps a port, otherwise empty. The last element of a list, as above.
std::string_view claimed_host(const http::Fields& fields);

}  // namespace tenfold::broker
