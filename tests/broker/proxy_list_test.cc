// Whose word about a visitor's address counts.
#include <doctest/doctest.h>

#include "broker/proxy_list.h"

using namespace tenfold;
using namespace tenfold::broker;

TEST_CASE("networks hold their addresses, of both families") {
  ProxyList list;
  CHECK_FALSE(list.contains("10.0.0.1"));
  REQUIRE_FALSE(list.add("10.1.0.0/15"));
  REQUIRE_FALSE(list.add("fd00::/8"));
  REQUIRE_FALSE(list.add("192.0.2.7"));
  for (const char* in : {"10.0.0.1", "10.1.255.255", "fd12::1", "192.0.2.7", "::ffff:10.1.0.1"}) {
    CAPTURE(in);
    CHECK(list.contains(in));
  }
  for (const char* out : {"10.2.0.1", "fe00::1", "192.0.2.8", "", "x"}) {
    CAPTURE(out);
    CHECK_FALSE(list.contains(out));
  }
}

TEST_CASE("what is no network is refused by name") {
  ProxyList list;
  for (const char* bad : {"", "x", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "::/129", "10.0.0.0/-1"}) {
    CAPTURE(bad);
    CHECK(list.add(bad).detail.find(bad) != std::string::npos);
  }
}

TEST_CASE("the client is the last address that no listed proxy is") {
  ProxyList list;
  REQUIRE_FALSE(list.add("10.0.0.0/8"));
  const http1::Fields fields{{"X-Forwarded-For", "6.6.6.6, 198.51.100.7"}, {"X-Forwarded-For", "10.0.0.3"}};
  CHECK(list.client_ip("10.0.0.1", fields) == "198.51.100.7");
  CHECK(list.client_ip("203.0.113.1", fields) == "203.0.113.1");
  CHECK(list.client_ip("10.0.0.1", {}) == "10.0.0.1");
  CHECK(list.client_ip("10.0.0.1", {{"X-Forwarded-For", "evil"}}) == "10.0.0.1");
}
