// The head of a request as the app gets it: written anew, never passed on raw. Hop-by-hop fields stop here,
// what the visitor claims of itself is replaced by what is known, the rest goes byte for byte.
#pragma once

#include <string>
#include <string_view>

#include "http/head.h"
#include "http/server_stream.h"

namespace tenfold::broker {

// A request on its way to the app. The views are good during the call only.
struct ForwardedRequest {
  const http::RequestHead& head;  // a ServerStream's
  http::BodySize body;
  std::string_view peer_ip;      // of the connection: the visitor's, or the proxy's in between; or `unix_peer`
  std::string_view client_ip;    // ProxyList's
  std::string_view scheme;       // "http" or "https", for X-Forwarded-Proto
  std::string_view request_id;   // X-Request-Id; the visitor's own goes on as X-Client-Request-Id
  bool from_proxy = false;       // a listed one: what it says of the visitor counts
  std::string_view broker_id{};  // of this process, for Via
  bool own_login = false;        // its Authorization was for the tunnel itself: it stops here
};

// Appends the head to `out`. `upgrade` becomes the list of protocols that it asks to upgrade to
// ("h2c" is never asked for), or empty.
void write_forwarded_head(const ForwardedRequest& request, std::string_view tunnel, std::string& out,
                          std::string& upgrade);

// Whether a 101 is an answer to `upgrade`: RFC 9110 7.8: "A server MUST NOT switch to a protocol that was not
// indicated by the client".
bool switches_as_asked(const http::ResponseHead& head, std::string_view upgrade);

// Whether the request went through this tunnel of this broker before: our mark stands in its Via. Another broker may
// have a tunnel of the same name.
bool came_round_again(const http::Fields& fields, std::string_view tunnel, std::string_view broker_id);

// Whether an OPTIONS or TRACE may go no further: RFC 9110 7.6.2, its Max-Forwards is 0.
bool ends_here(const http::RequestHead& head);

// The one X-Request-Id of a listed proxy, when it is one that a log can bear; else empty.
std::string_view claimed_request_id(const http::Fields& fields);

// Appends the trailers of a request that may pass, and the empty line.
void write_forwarded_trailers(const http::Fields& trailers, std::string& out);

}  // namespace tenfold::broker
