// What is counted of requests, and that each ends once.
#include "broker/desk/metrics.h"

#include <doctest/doctest.h>

#include <numeric>

#include "public_rig.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;

namespace {

const std::string get = "GET / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n";

std::uint64_t all_requests(const Metrics& metrics) {
  std::uint64_t all = 0;
  for (const Outcome outcome : {Outcome::served, Outcome::upgraded, Outcome::own, Outcome::linked, Outcome::rejected,
                                Outcome::failed, Outcome::left}) {
    all += metrics.requests(outcome);
  }
  return all;
}

}  // namespace

TEST_CASE("a histogram's buckets end where they say") {
  for (std::size_t i = 0; i + 1 < Histogram::buckets; ++i) {
    CAPTURE(i);
    Histogram at;
    at.add(Histogram::bucket_end(i));
    CHECK(at.in_bucket(i) == 1);
    Histogram past;
    past.add(Histogram::bucket_end(i) + 1us);
    CHECK(past.in_bucket(i + 1) == 1);
  }
  Histogram odd;
  odd.add(Duration::zero());
  odd.add(24h);
  CHECK(odd.in_bucket(0) == 1);
  CHECK(odd.in_bucket(Histogram::buckets - 1) == 1);
  CHECK(odd.count() == 2);
  CHECK(odd.sum() == 24h);
}

TEST_CASE("each request is counted once, by how it ended") {
  Rig rig;
  SUBCASE("served") {
    rig.browser_says("POST / HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 5\r\n\r\nhello");
    rig.rt.pass(1s);
    rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    CHECK(rig.metrics.requests(Outcome::served) == 1);
    CHECK(rig.metrics.answers(2) == 1);
    CHECK(rig.metrics.body_in() == 5);
    CHECK(rig.metrics.body_out() == 2);
    CHECK(rig.metrics.app().sum() >= 1s);
    CHECK(rig.metrics.edge().count() == 1);
    CHECK(rig.metrics.wait().count() == 1);
    CHECK(rig.metrics.link().sum() == Duration::zero());
    CHECK(rig.metrics.whole().count() == 1);
    CHECK(rig.metrics.requests(Outcome::served, Origin::app) == 1);
  }
  SUBCASE("failed before an answer") {
    rig.tunnel->refuse_with = {ErrorKind::refused, "x", Origin::app};
    rig.browser_says(get);
    CHECK(rig.metrics.requests(Outcome::failed) == 1);
    CHECK(rig.metrics.failures("app-refused") == 1);
    CHECK(rig.metrics.answers(5) == 1);
  }
  SUBCASE("failed in its answer") {
    rig.browser_says(get);
    rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok");
    rig.app().pipe->reset(ErrorKind::io);
    rig.pump();
    CHECK(rig.metrics.requests(Outcome::failed) == 1);
    CHECK(rig.metrics.failures("app-broke") == 1);
    CHECK(rig.metrics.answers(2) == 1);
  }
  SUBCASE("of a name that there is not") {
    rig.browser_says("GET / HTTP/1.1\r\nHost: nobody.example.test\r\n\r\n");
    CHECK(rig.metrics.requests(Outcome::failed) == 1);
    CHECK(rig.metrics.failures("no-such-tunnel") == 1);
  }
  SUBCASE("rejected by its head") {
    rig.browser_says("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
    CHECK(rig.metrics.requests(Outcome::rejected) == 1);
    CHECK(rig.metrics.answers(4) == 1);
  }
  SUBCASE("rejected by its body") {
    rig.browser_says("POST / HTTP/1.1\r\nHost: myapp.example.test\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
    CHECK(rig.metrics.requests(Outcome::rejected) == 1);
  }
  SUBCASE("rejected by its body, its answer begun") {
    rig.browser_says("POST / HTTP/1.1\r\nHost: myapp.example.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok");
    rig.browser_says("x\r\n");
    CHECK(rig.metrics.requests(Outcome::rejected) == 1);
    CHECK(rig.metrics.answers(2) == 1);
  }
  SUBCASE("left by the visitor") {
    rig.browser_says(get);
    rig.browser->pipe->reset(ErrorKind::cancelled);
    rig.pump();
    CHECK(rig.metrics.requests(Outcome::left) == 1);
  }
  SUBCASE("refused by the server's end") {
    rig.browser_says(get);
    rig.visitor->end_now({503, "draining"});
    rig.pump();
    CHECK(rig.browser->heard.starts_with("HTTP/1.1 503 "));
    CHECK(rig.metrics.failures("draining") == 1);
  }
  SUBCASE("cut by the server's end") {
    rig.browser_says(get);
    rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok");
    rig.visitor->end_now({503, "draining"});
    rig.pump();
    CHECK(rig.browser->cut);
  }
  SUBCASE("answered by the broker itself") {
    rig.browser_says("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n");
    CHECK(rig.metrics.requests(Outcome::own) == 1);
  }
  SUBCASE("answered by the broker itself, to a HEAD") {
    rig.browser_says("HEAD / HTTP/1.1\r\nHost: nobody.example.test\r\n\r\n");
    CHECK(rig.metrics.body_out() == 0);
  }
  SUBCASE("made a link") {
    const std::shared_ptr<int> tuned = rig.visit->tuned;
    rig.browser_says("GET /wanted HTTP/1.1\r\nHost: example.test\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n\r\n");
    REQUIRE(rig.link != nullptr);
    CHECK(*tuned == 1);
    CHECK(rig.metrics.requests(Outcome::linked) == 1);
  }
  SUBCASE("upgraded by the app, at the end of that") {
    rig.browser_says("GET / HTTP/1.1\r\nHost: myapp.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    rig.app_says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi");
    rig.browser_says("hello");
    CHECK(all_requests(rig.metrics) == 0);
    rig.app().pipe->end();
    rig.browser->pipe->end();
    rig.pump();
    CHECK(rig.metrics.requests(Outcome::upgraded) == 1);
    CHECK(rig.metrics.body_in() == 5);
    CHECK(rig.metrics.body_out() == 2);
  }
  CHECK(all_requests(rig.metrics) == 1);
}

TEST_CASE("an upgraded visit lasts as long as what became of it") {
  Rig rig;
  const std::weak_ptr<TestVisit> visit = rig.visit;
  rig.browser_says("GET / HTTP/1.1\r\nHost: myapp.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  rig.app_says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  CHECK(rig.visitor_closed);
  CHECK_FALSE(visit.expired());
  SUBCASE("until both ends are done") {
    rig.app().pipe->end();
    rig.browser->pipe->end();
    rig.pump();
  }
  SUBCASE("until it is ended in order") {
    CHECK(rig.desk.end_upgraded() == 1);
    rig.pump();
    CHECK(rig.app().ended);
    CHECK(rig.browser->ended);
    CHECK_FALSE(rig.browser->cut);
    rig.app().pipe->end();
    rig.browser->pipe->end();
    rig.pump();
  }
  SUBCASE("until the desk closes") { rig.desk.close(); }
  CHECK(visit.expired());
}
