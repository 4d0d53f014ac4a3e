// Router: from a request's Host to what it is for. Each request is routed by its own
// Host, never by its connection.
#pragma once

#include <string>
#include <string_view>

namespace tenfold::broker {

struct Route {
  enum class To {
    own_site,  // the broker itself: its domain, or an IP
    tunnel,    // `name`, whether or not anybody has it
    nowhere,   // a host that is neither
  };
  To to = To::nowhere;
  std::string name;  // in lower case; no more than one label
};

class Router {
 public:
  // `domain` without a port, in lower case.
  explicit Router(std::string domain) : domain_(std::move(domain)) {}

  // `host` as the Host field has it: a port, upper case and a trailing dot are allowed.
  void route(std::string_view host, Route& route) const;

  const std::string& domain() const { return domain_; }

 private:
  const std::string domain_;
};

}  // namespace tenfold::broker
