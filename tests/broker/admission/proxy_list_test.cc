// Whose word about a visitor's address counts.
#include <doctest/doctest.h>

#include "broker/admission/proxy_list.h"

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
  for (const char* bad : {"", "x", "[::1]", "10.0.0.1:80", "fe80::1%eth0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x",
                          "::/129", "10.0.0.0/-1"}) {
    CAPTURE(bad);
    CHECK(list.add(bad).detail.find(bad) != std::string::npos);
  }
}

TEST_CASE("the client is the last address that no listed proxy is") {
  ProxyList list;
  REQUIRE_FALSE(list.add("10.0.0.0/8"));
  const http::Fields fields{{"X-Forwarded-For", "6.6.6.6, 198.51.100.7"}, {"X-Forwarded-For", "10.0.0.3"}};
  CHECK(list.client_ip("10.0.0.1", fields) == "198.51.100.7");
  CHECK(list.client_ip("203.0.113.1", fields) == "203.0.113.1");
  CHECK(list.client_ip("10.0.0.1", {{"X-Forwarded-For", "10.0.0.4, 10.0.0.3"}}) == "10.0.0.4");
}

namespace {

// Of a request from the listed proxy `peer`, which every 10.x.y.z is, too.
std::string client_behind(std::string_view peer, const http::Fields& fields) {
  ProxyList list;
  REQUIRE_FALSE(list.add("10.0.0.0/8"));
  REQUIRE_FALSE(list.add(peer));
  return list.client_ip(peer, fields);
}

std::string client_of(std::string_view forwarded_for) {
  return client_behind("127.0.0.1", {{"X-Forwarded-For", forwarded_for}});
}

}  // namespace

TEST_CASE("who comes by a unix socket is this machine, or a proxy where unix is listed") {
  const http::Fields fields{{"X-Forwarded-For", "198.51.100.7"}};
  ProxyList list;
  REQUIRE_FALSE(list.add("127.0.0.1"));
  CHECK_FALSE(list.contains(unix_peer));
  CHECK(list.client_ip(unix_peer, fields) == "127.0.0.1");
  REQUIRE_FALSE(list.add("unix"));
  CHECK(list.contains(unix_peer));
  CHECK(list.client_ip(unix_peer, fields) == "198.51.100.7");
  CHECK(list.client_ip(unix_peer, {{"X-Forwarded-For", "127.0.0.1"}}) == "127.0.0.1");
  CHECK(list.client_ip(unix_peer, {}) == unknown_client);
  CHECK(list.client_ip(unix_peer, {{"X-Forwarded-For", "unix:"}}) == unknown_client);
  CHECK(list.scheme(unix_peer, {{"X-Forwarded-Proto", "https"}}, "own") == "https");
  CHECK(is_this_machine(unix_peer));
  for (const char* bad : {"unix:", "unix:/run/s", "UNIX"}) CHECK(list.add(bad));
}

TEST_CASE("an address with a port, in brackets or as IPv4 in IPv6 is that address") {
  CHECK(client_of("7.7.7.7:40001") == "7.7.7.7");
  CHECK(client_of("6.6.6.6, 7.7.7.7:1, 10.0.0.3:8080") == "7.7.7.7");
  CHECK(client_of("7.7.7.7:") == "7.7.7.7");
  CHECK(client_of("[2001:db8::1]:443") == "2001:db8::1");
  CHECK(client_of("[2001:db8::1]") == "2001:db8::1");
  CHECK(client_of("2001:DB8:0:0::1") == "2001:db8::1");
  CHECK(client_of("::ffff:7.7.7.7") == "7.7.7.7");
  CHECK(client_of("::ffff:707:707") == "7.7.7.7");
  CHECK(client_of("[::ffff:7.7.7.7]:40001") == "7.7.7.7");
  CHECK(client_of("7.7.7.7, ::ffff:10.0.0.3, [::ffff:10.0.0.4]:80") == "7.7.7.7");
}

TEST_CASE(
    "behind a listed proxy a client whose address is missing or cannot be read is unknown, and not this machine") {
  CHECK(client_behind("127.0.0.1", {}) == unknown_client);
  CHECK(client_behind("::1", {}) == unknown_client);
  CHECK(client_behind("127.0.0.1", {{"X-Real-IP", "7.7.7.7"}}) == unknown_client);
  CHECK(client_behind("127.0.0.1", {{"X-Forwarded-For", "6.6.6.6"}, {"x-forwarded-for", ""}}) == unknown_client);
  for (const char* odd : {"",
                          ",",
                          "unknown",
                          "_hidden",
                          "evil",
                          "\"7.7.7.7\"",
                          "'7.7.7.7'",
                          "\"[2001:db8::1]:443\"",
                          "for=7.7.7.7",
                          "fe80::1%eth0",
                          "[fe80::1%25eth0]:1",
                          "7.7.7.7:99999",
                          "7.7.7.7:x",
                          "7.7.7.7:_p",
                          "7.7.7",
                          "7.7.7.07",
                          "7.7.7.777",
                          "7.7.7.7.7",
                          "7.7.7.7 8.8.8.8",
                          "7.7.7.7;8.8.8.8",
                          "7.7.7.7/32",
                          "http://7.7.7.7",
                          "u@7.7.7.7",
                          "[7.7.7.7]",
                          "[2001:db8::1",
                          "2001:db8::1]",
                          "[2001:db8::1]x",
                          "[2001:db8::1]:0",
                          "2001:db8:::1",
                          "unix:",
                          "0.0.0.0",
                          "::",
                          "[::]:80",
                          "6.6.6.6, unknown",
                          "6.6.6.6,",
                          "6.6.6.6, , 10.0.0.3",
                          "6.6.6.6, junk, 10.0.0.3, 10.0.0.4:80"}) {
    CAPTURE(odd);
    CHECK(client_of(odd) == unknown_client);
  }
}

TEST_CASE("what stands left of the client is not looked at") {
  for (const char* chain : {"junk, 7.7.7.7", ", 7.7.7.7", "unknown, 6.6.6.6, 7.7.7.7, 10.0.0.3"}) {
    CAPTURE(chain);
    CHECK(client_of(chain) == "7.7.7.7");
  }
}

TEST_CASE("loopback is this machine only where this machine's own proxies say so") {
  CHECK(client_of("127.0.0.1") == "127.0.0.1");
  CHECK(client_of("::ffff:127.0.0.1") == "127.0.0.1");
  CHECK(client_behind("10.0.0.1", {{"X-Forwarded-For", "127.0.0.1"}}) == unknown_client);
  CHECK(client_behind("10.0.0.1", {{"X-Forwarded-For", "[::1]:80"}}) == unknown_client);
  CHECK(client_of("127.0.0.1, 10.0.0.3") == unknown_client);
}

TEST_CASE("a listed proxy's X-Forwarded-Proto is http or https, or not heard") {
  ProxyList list;
  REQUIRE_FALSE(list.add("10.0.0.0/8"));
  const auto scheme = [&](const http::Fields& fields) { return list.scheme("10.0.0.1", fields, "own"); };
  CHECK(scheme({}) == "own");
  CHECK(scheme({{"X-Forwarded-Proto", "http"}}) == "http");
  CHECK(scheme({{"x-forwarded-proto", "HttpS"}}) == "https");
  CHECK(scheme({{"X-Forwarded-Proto", "https,http"}}) == "http");
  CHECK(scheme({{"X-Forwarded-Proto", "http , https"}}) == "https");
  CHECK(scheme({{"X-Forwarded-Proto", "http"}, {"X-Forwarded-Proto", "https"}}) == "https");
  for (const char* odd : {"", "javascript", "javascript:", "ftp", "httpss", "http:", "https://", "\"https\"", "wss",
                          "https, gopher", "https,", "h2", "on"}) {
    CAPTURE(odd);
    CHECK(scheme({{"X-Forwarded-Proto", odd}}) == "own");
  }
  CHECK(list.scheme("203.0.113.1", {{"X-Forwarded-Proto", "http"}}, "own") == "own");
}
