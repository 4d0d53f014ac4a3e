#include "broker/desk/router.h"

#include "http/authority.h"
#include "http/head.h"

namespace tenfold::broker {

void Router::route(std::string_view host, Route& route) const {
  host = http::without_port(host);
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  const std::size_t label = host.find('.');
  const bool below =
      label != std::string_view::npos && label != 0 && http::equal_nocase(host.substr(label + 1), domain_);
  if (below) {
    route.to = Route::To::tunnel;
    host = host.substr(0, label);
  } else if (http::equal_nocase(host, domain_) || http::is_ip_literal(host)) {
    route.to = Route::To::own_site;
  } else {
    route.to = Route::To::nowhere;
  }
  route.name.assign(host);
  for (char& c : route.name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
}

}  // namespace tenfold::broker
