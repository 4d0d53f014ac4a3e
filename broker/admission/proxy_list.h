// ProxyList: the load balancers in front of us, whose word about a visitor's address counts.
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
  // "10.0.0.7", "10.0.0.0/8", "fd00::/8"; "unix": every peer who comes by a unix socket. Errors (usage) name the text.
  Error add(std::string_view network);

  // `ip`: an IP, or `unix_peer`.
  bool contains(std::string_view ip) const;

  // Who asks, as an IP: `peer_ip`, or, when that is a listed proxy, the last address in X-Forwarded-For that is not one
  // itself; where all of them are, the first. `unknown_client` when the header is missing, or when a hop that decides
  // cannot be read.
  std::string client_ip(std::string_view peer_ip, const http::Fields& fields) const;

  // The scheme that the visitor used: `own`, the listener's, or what a listed proxy says.
  std::string_view scheme(std::string_view peer_ip, const http::Fields& fields, std::string_view own) const;

 private:
  NetworkList networks_;
  bool unix_peers_ = false;
};

}  // namespace tenfold::broker
