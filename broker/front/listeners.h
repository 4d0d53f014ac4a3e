// Listeners: where the broker takes visitors, as addresses to bind and as sockets that a supervisor passed on. Pure.
#pragma once

#include <vector>

#include "base/address.h"
#include "base/error.h"
#include "io/inherited_sockets.h"

namespace tenfold::broker {

struct Listeners {
  std::vector<Address> http;  // to bind
  std::vector<Address> https;
  std::vector<InheritedSocket> inherited_http;
  std::vector<InheritedSocket> inherited_https;

  bool has_https() const { return !https.empty() || !inherited_https.empty(); }
  // Another broker may have had these sockets before, and hand over its agents.
  bool has_inherited() const { return !inherited_http.empty() || !inherited_https.empty(); }
  bool empty() const { return http.empty() && inherited_http.empty() && !has_https(); }

  // Puts `sockets` in the place of addresses: one named "http" or "https" in the place of all addresses of its kind,
  // any other in the place of the one where it listens. Errors (usage) name a socket that has no place.
  Error take(const std::vector<InheritedSocket>& sockets);

  // Of all of them, the plain ones first.
  std::vector<Address> addresses() const;
};

}  // namespace tenfold::broker
