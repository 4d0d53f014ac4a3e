// Small questions about forwarded heads.
#include <doctest/doctest.h>

#include "broker/answer_head.h"
#include "broker/forwarded_head.h"
#include "broker/proxy_list.h"
#include "broker/reply.h"

using namespace tenfold;
using namespace tenfold::broker;

namespace {

// The three X-Forwarded-* lines of what the app gets of a request that came from `peer` with these fields, by a broker
// that lists 10.0.0.0/8.
std::string claims(std::string_view peer, const http1::Fields& fields) {
  ProxyList proxies;
  REQUIRE_FALSE(proxies.add("10.0.0.0/8"));
  const http1::RequestHead request{"GET", "/", 1, fields};
  const std::string client = proxies.client_ip(peer, fields);
  std::string out;
  std::string upgrade;
  write_forwarded_head({request, {}, "/", "", peer, client, "https", "app.test", "id", proxies.contains(peer)}, "t",
                       out, upgrade);
  const std::size_t begin = out.find("X-Forwarded-For: ");
  return out.substr(begin, out.find("X-Request-Id: ") - begin);
}

std::string three(const std::string& chain, const std::string& proto, const std::string& host) {
  return "X-Forwarded-For: " + chain + "\r\nX-Forwarded-Proto: " + proto + "\r\nX-Forwarded-Host: " + host + "\r\n";
}

// The chain that the app gets when a listed proxy said `forwarded_for`.
std::string chain(std::string_view forwarded_for) {
  const std::string lines = claims("10.0.0.1", {{"X-Forwarded-For", forwarded_for}});
  return lines.substr(17, lines.find("\r\n") - 17);
}

std::string host(std::string_view forwarded_host) {
  const std::string lines = claims("10.0.0.1", {{"X-Forwarded-Host", forwarded_host}});
  const std::size_t begin = lines.find("X-Forwarded-Host: ") + 18;
  return lines.substr(begin, lines.find("\r\n", begin) - begin);
}

}  // namespace

TEST_CASE("a listed proxy's word goes on to the app, a stranger's does not") {
  const http1::Fields fields{
      {"X-Forwarded-For", "7.7.7.7"}, {"X-Forwarded-Proto", "HTTP"}, {"X-Forwarded-Host", "public.test:8443"}};
  CHECK(claims("10.0.0.1", fields) == three("7.7.7.7, 10.0.0.1", "http", "public.test:8443"));
  CHECK(claims("203.0.113.1", fields) == three("203.0.113.1", "https", "app.test"));
  CHECK(claims("10.0.0.1", {}) == three("10.0.0.1", "https", "app.test"));
}

TEST_CASE("the app gets addresses without ports, and the proxy's behind them") {
  CHECK(chain("6.6.6.6, 7.7.7.7:40001") == "6.6.6.6, 7.7.7.7, 10.0.0.1");
  CHECK(chain("[2001:db8::1]:443,[2001:DB8::2]") == "2001:db8::1, 2001:db8::2, 10.0.0.1");
  CHECK(chain("::ffff:7.7.7.7") == "7.7.7.7, 10.0.0.1");
}

TEST_CASE("what is no address in the chain does not reach the app") {
  CHECK(chain("<script>, 6.6.6.6, \"x\", 7.7.7.7") == "6.6.6.6, 7.7.7.7, 10.0.0.1");
  for (const char* junk : {"", "unknown", "_hidden", "junk", "\"7.7.7.7\"", "caf\xc3\xa9", "a\tb"}) {
    CAPTURE(junk);
    CHECK(chain(junk) == "10.0.0.1");
  }
}

TEST_CASE("where the client is unknown, the app does not get the address in front of the hop that hides him") {
  CHECK(chain("6.6.6.6, unknown") == "10.0.0.1");
  CHECK(chain("6.6.6.6, unknown, 10.0.0.3") == "10.0.0.3, 10.0.0.1");
  CHECK(chain("6.6.6.6,") == "10.0.0.1");
}

TEST_CASE("X-Forwarded-Proto is http or https whatever a listed proxy says") {
  for (const char* odd : {"javascript", "", "https:", "https, gopher"}) {
    CAPTURE(odd);
    CHECK(claims("10.0.0.1", {{"X-Forwarded-Proto", odd}}) == three("10.0.0.1", "https", "app.test"));
  }
  CHECK(claims("10.0.0.1", {{"X-Forwarded-Proto", "https,http"}}) == three("10.0.0.1", "http", "app.test"));
}

TEST_CASE("X-Forwarded-Host is a host and perhaps a port whatever a listed proxy says") {
  for (const char* good : {"public.test", "public.test:8443", "[2001:db8::1]:80", "PUBLIC.test."}) {
    CAPTURE(good);
    CHECK(host(good) == good);
  }
  CHECK(host("forged.test, public.test") == "public.test");
  for (const char* odd : {"",
                          "\"public.test\"",
                          "public.test\"><script>",
                          "a b",
                          "public.test/x",
                          "public.test\\x",
                          "u@public.test",
                          "http://public.test",
                          "public.test:99999",
                          "public.test:0",
                          "public.test:x",
                          "public.test?x",
                          "public.test#x",
                          "[zz]:1",
                          "a..b",
                          "caf\xc3\xa9.test",
                          "a%20b",
                          "a\tb",
                          "public.test, ",
                          "public.test;x"}) {
    CAPTURE(odd);
    CHECK(host(odd) == "app.test");
  }
}

TEST_CASE("a 101 must name a protocol that was asked for") {
  const auto answer = [](std::string_view connection, std::string_view upgrade) {
    return http1::ResponseHead{101, "", 1, {{"Connection", connection}, {"Upgrade", upgrade}}};
  };
  CHECK(switches_as_asked(answer("Upgrade", "WebSocket"), "websocket"));
  CHECK(switches_as_asked(answer("x, upgrade", "b"), "a, b"));
  CHECK_FALSE(switches_as_asked(answer("Upgrade", "other"), "websocket"));
  CHECK_FALSE(switches_as_asked(answer("close", "websocket"), "websocket"));
  CHECK_FALSE(switches_as_asked(answer("Upgrade", "websocket"), ""));
}

TEST_CASE("a request has come round only when this tunnel's own mark is in its Via") {
  CHECK(came_round_again({{"Via", "1.0 fred, 1.1 tenfold-myapp"}}, "myapp"));
  CHECK_FALSE(came_round_again({{"Via", "1.1 tenfold-other"}}, "myapp"));
  CHECK_FALSE(came_round_again({}, "myapp"));
}

TEST_CASE("a page about a fault cannot be made to carry markup") {
  const Reply reply = trouble_reply({502, "x", "<script>&\""}, {{"Accept", "text/html"}}, "id");
  CHECK(reply.body.find("<script>") == std::string::npos);
  CHECK(reply.body.find("&lt;script&gt;&amp;&quot;") != std::string::npos);
}

TEST_CASE("every cause of failure has its status") {
  CHECK(trouble_of({ErrorKind::refused, ""}).status == 502);
  CHECK(trouble_of({ErrorKind::dns, ""}).status == 502);
  CHECK(trouble_of({ErrorKind::tls, ""}).status == 502);
  CHECK(trouble_of({ErrorKind::timeout, ""}).status == 502);
  CHECK(trouble_of({ErrorKind::io, ""}).status == 504);
  CHECK(trouble_of({ErrorKind::limit, ""}).status == 503);
  CHECK(trouble_of({ErrorKind::closed, ""}).status == 503);
}
