// Which inherited socket takes the place of which listener.
#include "broker/front/listeners.h"

#include <doctest/doctest.h>

#include <string>

using namespace tenfold;
using namespace tenfold::broker;

namespace {

InheritedSocket socket_at(int fd, const std::string& name, const Address& address) { return {fd, name, address}; }

std::vector<int> fds(const std::vector<InheritedSocket>& sockets) {
  std::vector<int> out;
  for (const InheritedSocket& socket : sockets) out.push_back(socket.fd);
  return out;
}

}  // namespace

TEST_CASE("a socket with a name is in the place of all addresses of its kind") {
  Listeners listeners{{{"127.0.0.1", 7080}, {"127.0.0.2", 7080}}, {{"127.0.0.1", 7443}}, {}, {}};
  CHECK_FALSE(listeners.take({socket_at(3, "https", {"::", 443}), socket_at(4, "https", {"::1", 443})}));
  CHECK(listeners.http.size() == 2);
  CHECK(listeners.https.empty());
  CHECK(fds(listeners.inherited_https) == std::vector<int>{3, 4});
  CHECK_FALSE(listeners.take({socket_at(5, "http", {"::", 80})}));
  CHECK(listeners.http.empty());
  CHECK(fds(listeners.inherited_http) == std::vector<int>{5});
  CHECK(listeners.has_https());
  CHECK(listeners.addresses() == std::vector<Address>{{"::", 80}, {"::", 443}, {"::1", 443}});
}

TEST_CASE("any other socket is in the place of the address where it listens") {
  Listeners listeners{{{"127.0.0.1", 7080}, {"", 80}, Address::of_unix("/run/b.sock")}, {{"2001:db8::1", 443}}, {}, {}};
  const Error error =
      listeners.take({socket_at(3, "", {"::", 80}), socket_at(4, "broker.socket", Address::of_unix("/run/b.sock")),
                      socket_at(5, "unknown", {"2001:db8:0::1", 443})});
  CHECK_FALSE(error);
  CHECK(listeners.http == std::vector<Address>{{"127.0.0.1", 7080}});
  CHECK(listeners.https.empty());
  CHECK(fds(listeners.inherited_http) == std::vector<int>{3, 4});
  CHECK(fds(listeners.inherited_https) == std::vector<int>{5});
}

TEST_CASE("a socket without a place is an error that names it") {
  for (const Address& address : {Address{"127.0.0.1", 7081}, Address{"127.0.0.2", 7080}, Address::of_unix("/s")}) {
    Listeners listeners{{{"127.0.0.1", 7080}}, {}, {}, {}};
    const Error error = listeners.take({socket_at(3, "admin", address)});
    CHECK(error.kind == ErrorKind::usage);
    CHECK(error.detail.find(to_string(address) + " (admin)") != std::string::npos);
  }
}

TEST_CASE("sockets alone are enough to listen on") {
  Listeners listeners;
  CHECK(listeners.empty());
  CHECK_FALSE(listeners.take({socket_at(3, "http", {"127.0.0.1", 80})}));
  CHECK_FALSE(listeners.empty());
  CHECK_FALSE(listeners.has_https());
}
