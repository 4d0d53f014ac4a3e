// Visit: what the desk knows about the connection of a request. It lives as long as the connection, also after an
// upgrade.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "http/patience.h"

namespace tenfold::broker {

// Shared: an upgraded connection has left its first owner, and still counts for the address it came from.
class Visit : public std::enable_shared_from_this<Visit> {
 public:
  // `address`: the peer's IP:PORT, `ip` its IP alone. `scheme`: of the listener. `patience` outlives the visit.
  Visit(std::string address, std::string ip, std::string_view scheme, bool from_proxy, const http::Patience& patience)
      : address_(std::move(address)),
        ip_(std::move(ip)),
        scheme_(scheme),
        from_proxy_(from_proxy),
        patience_(patience) {}
  virtual ~Visit() = default;

  const std::string& address() const { return address_; }
  const std::string& ip() const { return ip_; }
  std::string_view scheme() const { return scheme_; }
  bool from_proxy() const { return from_proxy_; }  // of a listed proxy
  const http::Patience& patience() const { return patience_; }

  // The connection is about to become an agent's link: tunes its socket for that.
  virtual void tune_for_link() = 0;

 private:
  const std::string address_;
  const std::string ip_;
  const std::string_view scheme_;
  const bool from_proxy_;
  const http::Patience& patience_;
};

}  // namespace tenfold::broker
