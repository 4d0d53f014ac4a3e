// Names and routes.
#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "broker/desk/router.h"
#include "broker/tunnels/tunnel_name.h"

using namespace tenfold::broker;

TEST_CASE("a tunnel name is one DNS label, and not the control stream's") {
  for (const std::string& good : std::vector<std::string>{"a", "7", "abc", "ab-d", "abc-d", "abcd", "0000", "ab-cde",
                                                          "a--b-c", "controls", std::string(63, 'x')}) {
    CAPTURE(good);
    CHECK(is_tunnel_name(good));
  }
  for (const std::string& bad : std::vector<std::string>{"", "-", "-a", "a-", "-abcde", "abcde-", "abCd", "a_b",
                                                         "control", "ab.cd", "ab cd", std::string(64, 'x')}) {
    CAPTURE(bad);
    CHECK_FALSE(is_tunnel_name(bad));
  }
}

TEST_CASE("a random name is a good name, and another each time") {
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) names.insert(random_tunnel_name());
  CHECK(names.size() == 1000);
  for (const std::string& name : names) CHECK(is_tunnel_name(name));
}

TEST_CASE("a Host is routed without its port, case and final dot") {
  const Router router("example.test");
  Route route;
  router.route("MyApp.Example.TEST.:8080", route);
  CHECK(route.to == Route::To::tunnel);
  CHECK(route.name == "myapp");
  for (const char* own : {"example.test", "EXAMPLE.test:80", "127.0.0.1:7080", "[::1]:7080", "10.0.0.1"}) {
    CAPTURE(own);
    router.route(own, route);
    CHECK(route.to == Route::To::own_site);
  }
  for (const char* nowhere : {"other.test", "a.b.example.test", ".example.test", "xexample.test", "localhost"}) {
    CAPTURE(nowhere);
    router.route(nowhere, route);
    CHECK(route.to == Route::To::nowhere);
  }
}
