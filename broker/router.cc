#include "broker/router.h"

#include <algorithm>

namespace tenfold::broker {

std::string_view without_port(std::string_view host) {
  if (!host.empty() && host.front() == '[') return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

bool is_ip_literal(std::string_view host) {
  if (!host.empty() && host.front() == '[') return true;
  // A name's last label is never all digits (RFC 1123 2.1), an IPv4 address's always.
  const std::string_view last = host.substr(host.rfind('.') + 1);
  return !last.empty() && std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void Router::route(std::string_view host, Route& route) const {
  host = without_port(host);
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  route.name.assign(host);
  for (char& c : route.name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (route.name == domain_ || is_ip_literal(route.name)) {
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
