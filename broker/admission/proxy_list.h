// ProxyList: the load balancers in front of the broker. What they report about a visitor's address is trusted.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "broker/admission/client_address.h"
#include "broker/admission/network_list.h"
#include "http/head.h"

namespace tenfold::broker {

class ProxyList {
 public:
  // "10.0.0.7", "10.0.0.0/8", "fd00::/8"; "unix": every peer on a unix socket. Errors (usage) name the text.
  Error add(std::string_view network);

  // `ip`: an IP, or `unix_peer`.
  bool contains(std::string_view ip) const;

  // The client's IP: `peer_ip`, or, if that is a listed proxy, the last address in X-Forwarded-For that is not a listed
  // proxy; if all are, the first. `unknown_client` if the header is missing or the deciding hop cannot be parsed.
  std::string client_ip(std::string_view peer_ip, const http::Fields& fields) const;

  // The scheme that the visitor used: `own`, the listener's, or the one that a listed proxy reports.
  std::string_view scheme(std::string_view peer_ip, const http::Fields& fields, std::string_view own) const;

 private:
  NetworkList networks_;
  bool unix_peers_ = false;
};

}  // namespace tenfold::broker
