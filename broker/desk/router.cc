#include "broker/desk/router.h"

#include "http/host.h"

namespace tenfold::broker {

void Router::route(std::string_view host, Route& route) const {
  host = http::without_port(host);
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  route.name.assign(host);
  for (char& c : route.name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (route.name == domain_ || http::is_ip_literal(route.name)) {
    route.to = Route::To::own_site;
    return;
  }
  const std::size_t label = route.name.find('.');
  if (label != std::string::npos && label != 0 && std::string_view(route.name).substr(label + 1) == domain_) {
    route.to = Route::To::tunnel;
    route.name.resize(label);
    return;
  }
  route.to = Route::To::nowhere;
}

}  // namespace tenfold::broker
