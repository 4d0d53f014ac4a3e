// Router: selects the destination of a request from its Host. Each request is routed by its own Host, never by its
// connection.
#pragma once

#include <string>
#include <string_view>

namespace tenfold::broker {

struct Route {
  enum class To {
    own_site,  // the broker itself: its domain, or an IP
    tunnel,    // `name`, whether or not it exists
    nowhere,   // any other host
  };
  To to = To::nowhere;
  std::string name;  // in lower case; one label at most
};

class Router {
 public:
  // `domain` without a port, in lower case.
  explicit Router(std::string domain) : domain_(std::move(domain)) {}

  // `host` in the syntax of the Host field: a port, upper case and a trailing dot are allowed.
  void route(std::string_view host, Route& route) const;

  const std::string& domain() const { return domain_; }

 private:
  const std::string domain_;
};

}  // namespace tenfold::broker
