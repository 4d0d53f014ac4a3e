// The head of a request as the app gets it: always rewritten, never forwarded raw. Hop-by-hop fields are removed,
// fields in which the visitor describes itself are replaced by verified values, and the rest is copied byte for byte.
#pragma once

#include <string>
#include <string_view>

#include "http/head.h"
#include "http/server_stream.h"

namespace tenfold::broker {

// A request to the app. The views are valid during the call only.
struct ForwardedRequest {
  const http::RequestHead& head;  // a ServerStream's
  http::BodySize body;
  std::string_view peer_ip;      // of the connection: the visitor's, or that of a proxy in between; or `unix_peer`
  std::string_view client_ip;    // ProxyList's
  std::string_view scheme;       // "http" or "https", for X-Forwarded-Proto
  std::string_view request_id;   // X-Request-Id; the visitor's own is renamed X-Client-Request-Id
  bool from_proxy = false;       // the peer is a listed proxy: its report about the visitor is trusted
  std::string_view broker_id{};  // of this process, for Via
  bool own_login = false;        // its Authorization was for the tunnel itself and is removed
};

// Appends the head to `out`. `upgrade` becomes the list of protocols that the request wants to upgrade to (never
// "h2c"), or empty.
void write_forwarded_head(const ForwardedRequest& request, std::string_view tunnel, std::string& out,
                          std::string& upgrade);

// Whether a 101 is a valid answer to `upgrade`. RFC 9110 7.8: "A server MUST NOT switch to a protocol that was not
// indicated by the client".
bool switches_as_asked(const http::ResponseHead& head, std::string_view upgrade);

// Whether the request has already passed this tunnel of this broker: its Via has our mark. Another broker may have a
// tunnel with the same name.
bool came_round_again(const http::Fields& fields, std::string_view tunnel, std::string_view broker_id);

// Whether an OPTIONS or TRACE must not be forwarded: RFC 9110 7.6.2, its Max-Forwards is 0.
bool ends_here(const http::RequestHead& head);

// The X-Request-Id of a listed proxy, if there is exactly one and it is safe in a log; else empty.
std::string_view claimed_request_id(const http::Fields& fields);

// Appends the request trailers that may be forwarded, and the empty line.
void write_forwarded_trailers(const http::Fields& trailers, std::string& out);

}  // namespace tenfold::broker
