#include "agent/targets/endpoint.h"

#include <doctest/doctest.h>

namespace tenfold {
namespace {

std::string target(std::string_view text) {
  const Result<Endpoint> endpoint = parse_target(text);
  return endpoint ? to_string(*endpoint) : "error: " + endpoint.error().detail;
}

std::string broker(std::string_view text) {
  const Result<Endpoint> endpoint = parse_broker_url(text);
  return endpoint ? to_string(*endpoint) : "error: " + endpoint.error().detail;
}

TEST_CASE("a target is a port, a host with one, or a URL") {
  CHECK(target("8080") == "http://localhost:8080");
  CHECK(target(":8080") == "http://localhost:8080");
  CHECK(target("127.0.0.1:3000") == "http://127.0.0.1:3000");
  CHECK(target("[::1]:3000") == "http://[::1]:3000");
  CHECK(target("app.local:3000") == "http://app.local:3000");
  CHECK(target("http://app.local") == "http://app.local:80");
  CHECK(target("https://app.local/") == "https://app.local:443");
  CHECK(target("HTTPS://[::1]") == "https://[::1]:443");
  CHECK(target("https://app.local:8443") == "https://app.local:8443");
}

TEST_CASE("a target may be a unix socket") {
  CHECK(target("unix:/run/app.sock") == "unix:/run/app.sock");
  CHECK(parse_target("unix:/run/app.sock")->address == Address::of_unix("/run/app.sock"));
  CHECK(target("http://unix:8080") == "http://unix:8080");
  CHECK(target("unix:") == "error: the path of the unix socket is missing");
  CHECK(target("unix:app.sock") == "error: the path of a unix socket begins with '/'");
  CHECK(target("unix:8080") == "error: the path of a unix socket begins with '/'");
  CHECK(target("unix:/" + std::string(107, 'a')).starts_with("error: the path of a unix socket has 107 bytes at most"));
  CHECK(target("http://unix:/run/app.sock") == "error: a unix socket is written unix:/PATH, without a scheme");
  CHECK(target("https://unix:/run/app.sock") == "error: a unix socket is written unix:/PATH, without a scheme");
}

TEST_CASE("what is no target is refused") {
  for (const char* text : {"", "0", "65536", "99999999999", "8080x", "-1", "app.local", "app.local:", "app.local:0",
                           "ftp://x", "http://", "http:///", "http://app.local/path", "http://app.local?x",
                           "http://user@app.local", "http://a b", "a\nb:80", "::1:80", "http://x:y"}) {
    CAPTURE(text);
    CHECK(target(text).starts_with("error: "));
  }
}

TEST_CASE("a broker's URL names its scheme") {
  CHECK(broker("http://127.0.0.1:7080") == "http://127.0.0.1:7080");
  CHECK(broker("https://broker.example/") == "https://broker.example:443");
  for (const char* text : {"", "broker.example", "broker.example:443", "ws://broker.example",
                           "https://broker.example/x", "https://token@broker.example", "https://"}) {
    CAPTURE(text);
    CHECK(broker(text).starts_with("error: "));
  }
}

TEST_CASE("an authority leaves out the scheme's own port") {
  CHECK(authority({true, {"broker.example", 443}}) == "broker.example");
  CHECK(authority({true, {"broker.example", 80}}) == "broker.example:80");
  CHECK(authority({false, {"broker.example", 80}}) == "broker.example");
  CHECK(authority({false, {"::1", 80}}) == "[::1]");
  CHECK(authority({false, {"::1", 7080}}) == "[::1]:7080");
}

TEST_CASE("loopback is what is written as such, and nothing that a look-up could make of a name") {
  for (const char* host : {"localhost", "LOCALHOST", "127.0.0.1", "127.255.0.3", "::1"}) {
    CAPTURE(host);
    CHECK(is_loopback(host));
  }
  for (const char* host : {"", "localhost.example", "sub.localhost", "127.0.0.1.example", "128.0.0.1", "0.0.0.0",
                           "::", "::2", "127.1", "broker.example"}) {
    CAPTURE(host);
    CHECK_FALSE(is_loopback(host));
  }
}

}  // namespace
}  // namespace tenfold
