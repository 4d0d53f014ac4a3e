// Small questions about forwarded heads.
#include <doctest/doctest.h>

#include "broker/admission/proxy_list.h"
#include "broker/app/forwarded_head.h"
#include "broker/desk/reply.h"

using namespace tenfold;
using namespace tenfold::broker;

namespace {

// What the app gets of a request from `peer` with these fields, by a broker that lists `proxy`.
std::string head_for(std::string_view peer, const http::Fields& fields, std::string_view method = "GET",
                     int minor_version = 1, std::string_view proxy = "10.0.0.0/8") {
  ProxyList proxies;
  REQUIRE_FALSE(proxies.add(proxy));
  const http::RequestHead request{method, "/", minor_version, fields, "app.test"};
  const std::string client = proxies.client_ip(peer, fields);
  std::string out;
  std::string upgrade;
  write_forwarded_head({request, {}, peer, client, "https", "id", proxies.contains(peer), "b"}, "t", out, upgrade);
  return out;
}

// The three X-Forwarded-* lines of what the app gets of a request that came from `peer` with these fields, by a broker
// that lists `proxy`.
std::string claims(std::string_view peer, const http::Fields& fields, std::string_view proxy = "10.0.0.0/8") {
  const std::string out = head_for(peer, fields, "GET", 1, proxy);
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
  const http::Fields fields{
      {"X-Forwarded-For", "7.7.7.7"}, {"X-Forwarded-Proto", "HTTP"}, {"X-Forwarded-Host", "public.test:8443"}};
  CHECK(claims("10.0.0.1", fields) == three("7.7.7.7, 10.0.0.1", "http", "public.test:8443"));
  CHECK(claims("203.0.113.1", fields) == three("203.0.113.1", "https", "app.test"));
  CHECK(claims("10.0.0.1", {}) == three("10.0.0.1", "https", "app.test"));
}

TEST_CASE("who comes by a unix socket is this machine to the app") {
  const http::Fields fields{{"X-Forwarded-For", "7.7.7.7"}, {"X-Forwarded-Proto", "http"}};
  CHECK(claims(unix_peer, {}) == three("127.0.0.1", "https", "app.test"));
  CHECK(claims(unix_peer, fields) == three("127.0.0.1", "https", "app.test"));
  CHECK(claims(unix_peer, fields, "127.0.0.1") == three("127.0.0.1", "https", "app.test"));
  CHECK(claims(unix_peer, fields, "unix") == three("7.7.7.7, 127.0.0.1", "http", "app.test"));
  CHECK(claims(unix_peer, {{"X-Forwarded-For", "6.6.6.6, junk"}}, "unix") == three("127.0.0.1", "https", "app.test"));
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

TEST_CASE("what a stranger says of who asks does not reach the app, however he writes the names") {
  for (const char* name : {"X-Forwarded-User",   "X-Forwarded-Email",   "X-Forwarded-Prefix",
                           "X-Forwarded-Scheme", "X-Forwarded-Port",    "X-Forwarded-Anything",
                           "X_Forwarded_For",    "x-forwarded_host",    "X_FORWARDED-PROTO",
                           "X-Forwarded-",       "X-Forwarded",         "X_Forwarded_User",
                           "Forwarded",          "X-Real-IP",           "x_real_ip",
                           "X-Client-IP",        "X_Client_Ip",         "True-Client-IP",
                           "true_client-ip",     "X-Cluster-Client-IP", "X-Original-Forwarded-For",
                           "CF-Connecting-IP",   "Fastly-Client-IP",    "Client-IP",
                           "client_ip"}) {
    CAPTURE(name);
    CHECK(head_for("203.0.113.1", {{name, "forged"}}).find("forged") == std::string::npos);
  }
  for (const char* name :
       {"X-Forward", "X-Forwardedness", "X-Real-IPs", "Forwarding", "X-Client-IPX", "Client-I", "X", "_"}) {
    CAPTURE(name);
    CHECK(head_for("203.0.113.1", {{name, "kept"}}).find(std::string(name) + ": kept\r\n") != std::string::npos);
  }
}

TEST_CASE("what a listed proxy says of who asks reaches the app") {
  for (const char* name : {"X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-User", "X-Forwarded-Prefix",
                           "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP"}) {
    CAPTURE(name);
    CHECK(head_for("10.0.0.1", {{name, "said"}}).find(std::string(name) + ": said\r\n") != std::string::npos);
  }
  // A second spelling of those that are checked would go unchecked.
  for (const char* name : {"X_Forwarded_For", "X-Forwarded_Proto", "x_forwarded-host"}) {
    CAPTURE(name);
    CHECK(head_for("10.0.0.1", {{name, "said"}}).find("said") == std::string::npos);
  }
}

TEST_CASE("the broker's own request id goes on, and a visitor's beside it under another name") {
  const auto ids = [](std::string_view peer, const http::Fields& fields) {
    const std::string head = head_for(peer, fields);
    const std::size_t begin = head.find("X-Request-Id: ");
    CHECK(head.find("X-Request-Id: ", begin + 1) == std::string::npos);
    return head.substr(begin, head.find("Via: ") - begin);
  };
  const std::string ours = "X-Request-Id: id\r\n";
  const std::string his = "X-Client-Request-Id: ";
  CHECK(ids("203.0.113.1", {}) == ours);
  CHECK(ids("203.0.113.1", {{"x-request-id", "abc-1"}}) == ours + his + "abc-1\r\n");
  CHECK(ids("203.0.113.1", {{"X_Request_Id", "abc-1"}}) == ours + his + "abc-1\r\n");
  CHECK(ids("203.0.113.1", {{"X-Request-Id", "a"}, {"X-Request-Id", "b"}}) == ours + his + "a\r\n");
  CHECK(ids("203.0.113.1", {{"X-Client-Request-Id", "c"}}) == ours + his + "c\r\n");
  CHECK(ids("203.0.113.1", {{"X-Client-Request-Id", "c"}, {"X-Request-Id", "a"}}) == ours + his + "a\r\n");
  for (const std::string& odd : {std::string("a b"), std::string("<x>"), std::string("a,b"), std::string("caf\xc3\xa9"),
                                 std::string(129, 'a'), std::string()}) {
    CHECK(ids("203.0.113.1", {{"X-Request-Id", odd}}) == ours);
  }
  // A listed proxy's is the request's own: claimed_request_id().
  CHECK(ids("10.0.0.1", {{"X-Request-Id", "abc"}}) == ours);
  CHECK(claimed_request_id({{"X", "y"}, {"x-request-id", "abc"}}) == "abc");
  CHECK(claimed_request_id({{"X-Request-Id", "a"}, {"X-Request-Id", "b"}}).empty());
  CHECK(claimed_request_id({{"X-Request-Id", "a b"}}).empty());
  CHECK(claimed_request_id({}).empty());
}

TEST_CASE("Max-Forwards counts down for OPTIONS and TRACE, and ends there at 0") {
  const auto sent = [](std::string_view method, std::string_view value) {
    const std::string head = head_for("203.0.113.1", {{"Max-Forwards", value}}, method);
    const std::size_t begin = head.find("Max-Forwards: ") + 14;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  };
  CHECK(sent("OPTIONS", "5") == "4");
  CHECK(sent("TRACE", "1") == "0");
  CHECK(sent("TRACE", "010") == "9");
  CHECK(sent("OPTIONS", "99999999999999999999999") == "18446744073709551614");
  CHECK(sent("OPTIONS", "x") == "x");
  CHECK(sent("OPTIONS", "-1") == "-1");
  CHECK(sent("GET", "5") == "5");
  CHECK(sent("GET", "0") == "0");
  CHECK(ends_here({"OPTIONS", "/", 1, {{"max-forwards", "0"}}}));
  CHECK(ends_here({"TRACE", "/", 1, {{"Max-Forwards", "3"}, {"Max-Forwards", "00"}}}));
  CHECK_FALSE(ends_here({"GET", "/", 1, {{"Max-Forwards", "0"}}}));
  CHECK_FALSE(ends_here({"OPTIONS", "/", 1, {{"Max-Forwards", "1"}}}));
  CHECK_FALSE(ends_here({"OPTIONS", "/", 1, {{"Max-Forwards", ""}}}));
}

TEST_CASE("an expectation of HTTP/1.0 does not reach the app, one of HTTP/1.1 does") {
  CHECK(head_for("203.0.113.1", {{"Expect", "100-continue"}}, "POST", 0).find("Expect") == std::string::npos);
  CHECK(head_for("203.0.113.1", {{"Expect", "100-continue"}}, "POST", 1).find("Expect: 100-continue\r\n") !=
        std::string::npos);
}

TEST_CASE("trailers may not say who asks either") {
  std::string out;
  write_forwarded_trailers(
      {{"X-Sum", "1"}, {"X_Forwarded_For", "2"}, {"X-Client-IP", "3"}, {"X-Request-Id", "4"}, {"Expect", "5"}}, out);
  CHECK(out == "X-Sum: 1\r\n\r\n");
}

TEST_CASE("a 101 must name a protocol that was asked for") {
  const auto answer = [](std::string_view connection, std::string_view upgrade) {
    return http::ResponseHead{101, "", 1, {{"Connection", connection}, {"Upgrade", upgrade}}};
  };
  CHECK(switches_as_asked(answer("Upgrade", "WebSocket"), "websocket"));
  CHECK(switches_as_asked(answer("x, upgrade", "b"), "a, b"));
  CHECK_FALSE(switches_as_asked(answer("Upgrade", "other"), "websocket"));
  CHECK_FALSE(switches_as_asked(answer("close", "websocket"), "websocket"));
  CHECK_FALSE(switches_as_asked(answer("Upgrade", "websocket"), ""));
}

TEST_CASE("a request has come round only when this tunnel's own mark is in its Via") {
  CHECK(came_round_again({{"Via", "1.0 fred, 1.1 tenfold-myapp.id"}}, "myapp", "id"));
  for (const char* other : {"1.1 tenfold-other.id", "1.1 tenfold-myapp.di", "1.1 tenfold-myapp", "1.1 tenfold-myapp.",
                            "1.1 tenfold-myappxid", "1.1 tenfold-myapp.idx", "1.1 tenfold-id", "fred"}) {
    CAPTURE(other);
    CHECK_FALSE(came_round_again({{"Via", other}}, "myapp", "id"));
  }
  CHECK_FALSE(came_round_again({}, "myapp", "id"));
}
