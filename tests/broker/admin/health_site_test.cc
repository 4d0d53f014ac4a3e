// What the doors of the operator answer: health, readiness, methods, and whose request may change something.
#include "broker/admin/health_site.h"

#include <doctest/doctest.h>

#include <string>

#include "broker/admin/requests.h"

using namespace tenfold;
using namespace tenfold::broker;

namespace {

http::RequestHead head(std::string_view method, std::string_view target, http::Fields fields = {},
                       std::string_view authority = "localhost:7090") {
  return {method, target, 1, std::move(fields), authority};
}

std::string field(const Reply& reply, std::string_view name) {
  for (const auto& [key, value] : reply.fields) {
    if (key == name) return value;
  }
  return {};
}

struct Fixture {
  std::string draining;
  std::string registry;
  Readiness readiness;
  HealthSite site{readiness, [] { return std::string("tenfold_up 1\n"); }};

  Fixture() {
    readiness.add("draining", [this] { return draining; });
    readiness.add(
        "registry", [this] { return registry; }, Readiness::Weight::tells);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a broker that runs is healthy, and ready while every check passes") {
  CHECK(site.answer(head("GET", "/healthz")).body == "ok\n");
  CHECK(site.answer(head("GET", "/healthz?verbose")).status == 200);
  CHECK(site.answer(head("GET", "/readyz")).body == "ready\ndraining: ok\nregistry: ok\n");
  draining = "the broker is going down";
  const Reply reply = site.answer(head("GET", "/readyz"));
  CHECK(reply.status == 503);
  CHECK(reply.body == "not ready\ndraining: failing: the broker is going down\nregistry: ok\n");
  CHECK(field(reply, "Cache-Control") == "no-store");
  CHECK(site.answer(head("GET", "/healthz")).status == 200);
}

TEST_CASE_FIXTURE(Fixture, "a check that only tells is shown, and takes no replica out of service") {
  registry = "it does not answer";
  const Reply reply = site.answer(head("GET", "/readyz"));
  CHECK(reply.status == 200);
  CHECK(reply.body == "ready\ndraining: ok\nregistry: warning: it does not answer\n");
}

TEST_CASE_FIXTURE(Fixture, "readiness is JSON for who accepts it") {
  draining = "the broker is going down";
  const Reply reply = site.answer(head("GET", "/readyz", {{"Accept", "text/html;q=0.1, application/json"}}));
  CHECK(reply.status == 503);
  CHECK(reply.content_type.starts_with("application/json"));
  CHECK(reply.body == R"({"checks":[{"decides":true,"detail":"the broker is going down","name":"draining","ok":false},)"
                      R"({"decides":false,"name":"registry","ok":true}],"ready":false})");
}

TEST_CASE_FIXTURE(Fixture, "metrics are in Prometheus' text format") {
  const Reply reply = site.answer(head("GET", "/metrics"));
  CHECK(reply.body == "tenfold_up 1\n");
  CHECK(reply.content_type == "text/plain; version=0.0.4; charset=utf-8");
}

TEST_CASE_FIXTURE(Fixture, "what is not there is 404, and another method than GET and HEAD is 405 with Allow") {
  CHECK(site.answer(head("HEAD", "/readyz")).status == 200);
  for (const char* method : {"POST", "DELETE", "OPTIONS", "PUT"}) {
    CAPTURE(method);
    CHECK(site.answer(head(method, "/elsewhere")).status == 404);
    const Reply reply = site.answer(head(method, "/healthz"));
    CHECK(reply.status == 405);
    CHECK(field(reply, "Allow") == "GET, HEAD");
  }
  for (const char* target : {"/", "*", "/healthz/", "/HEALTHZ", "//healthz"}) {
    CAPTURE(target);
    CHECK(site.answer(head("GET", target)).status == 404);
  }
}

TEST_CASE("a Host is a door's own by a loopback name or by the address that it listens on") {
  const Address loopback{"127.0.0.1", 7090};
  for (const char* host :
       {"localhost", "LOCALHOST:7090", "127.0.0.1", "127.0.0.1:9", "127.8.8.8:1", "[::1]", "[::1]:7090"}) {
    CAPTURE(host);
    CHECK(is_own_host(host, loopback));
    CHECK(is_own_host(host, {"192.0.2.1", 7090}));
  }
  for (const char* host : {"", "rebound.example", "localhost.example", "127.0.0.1.example:7090", "192.0.2.7",
                           "[2001:db8::1]", "0.0.0.0:7090"}) {
    CAPTURE(host);
    CHECK_FALSE(is_own_host(host, loopback));
  }
  CHECK(is_own_host("192.0.2.1:7090", {"192.0.2.1", 7090}));
  CHECK(is_own_host("[2001:DB8:0::1]:7090", {"2001:db8::1", 7090}));
  for (const char* every : {"", "0.0.0.0", "::"}) {
    CAPTURE(every);
    CHECK(is_own_host("192.0.2.7:7090", {every, 7090}));
    CHECK_FALSE(is_own_host("rebound.example", {every, 7090}));
  }
}

TEST_CASE("a request may change something when no page of another site sent it") {
  CHECK(is_own_origin(head("DELETE", "/")));
  CHECK(is_own_origin(head("DELETE", "/", {{"Origin", "http://localhost:7090"}, {"Sec-Fetch-Site", "same-origin"}})));
  for (const char* origin :
       {"null", "", "http://localhost", "https://localhost:7090", "http://evil.example", "http://localhost:70901"}) {
    CAPTURE(origin);
    CHECK_FALSE(is_own_origin(head("DELETE", "/", {{"Origin", origin}})));
  }
  CHECK_FALSE(is_own_origin(head("DELETE", "/", {{"Sec-Fetch-Site", "cross-site"}})));
  CHECK_FALSE(is_own_origin(head("DELETE", "/", {{"Sec-Fetch-Site", "same-site"}})));
}

TEST_CASE("a query's value is found by its whole name") {
  CHECK(query_value("ban=60&x", "ban") == "60");
  CHECK(query_value("x=1&ban=", "ban").empty());
  CHECK(query_value("urban=1", "ban").empty());
  CHECK(query_value("", "ban").empty());
}
