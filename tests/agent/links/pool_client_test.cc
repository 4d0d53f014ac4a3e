#include "agent/links/pool_client.h"

#include <doctest/doctest.h>

#include <optional>

#include "agent/rules.h"
#include "base/limits.h"
#include "links/agent_fixture.h"

namespace tenfold {
namespace {

struct PoolFixture : test::AgentFixture, PoolClient::Owner {
  std::unique_ptr<PoolClient> pool;
  int ready = 0;
  int left = 0;
  std::optional<Error> lost;

  virtual ~PoolFixture() = default;

  void on_pool_ready(PoolClient&) override { ++ready; }
  void on_pool_lost(PoolClient&, const Error& why) override {
    lost = why;
    runtime.graveyard.bury(std::move(pool));
  }
  void on_pool_left(PoolClient&) override {
    ++left;
    runtime.graveyard.bury(std::move(pool));
  }
  void start(std::size_t sockets) {
    pool = std::make_unique<PoolClient>(forwarding, network, test::middle, Address{"10.0.0.1", 4321}, sockets, *this);
    pool->start();
  }
  // A socket that carries one request and its answer; the app's side of it.
  test::Peer& serve(test::Peer& socket, std::string_view request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n") {
    socket.say(request);
    network.pump();
    test::Peer& app = network.accept();
    app.say("HTTP/1.1 204 No Content\r\n\r\n");
    network.pump();
    return app;
  }
};

TEST_CASE_FIXTURE(PoolFixture, "so many sockets as the server wants, and it is ready with the first") {
  start(10);
  CHECK(network.waiting() == 10);
  CHECK(network.next().address() == "10.0.0.1:4321");
  CHECK(network.next().to.tls == nullptr);
  CHECK(network.next().to.purpose == DialFor::pool);
  CHECK(ready == 0);
  for (int i = 0; i < 10; ++i) network.accept();
  CHECK(ready == 1);
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(PoolFixture, "no server makes us open more than our own limit") {
  start(1000);
  CHECK(network.waiting() == rules::classic_sockets_most);
}

TEST_CASE_FIXTURE(PoolFixture, "a socket that served is replaced at once, and the backoff starts anew") {
  start(1);
  for (int i = 0; i < 5; ++i) {
    test::Peer& socket = network.accept();
    serve(socket);
    CHECK(network.waiting() == 0);
    socket.cut();
    network.pump();
    CHECK(network.waiting() == 1);
  }
  CHECK_FALSE(lost);
}

TEST_CASE_FIXTURE(PoolFixture, "a socket that the server ended is replaced though the app keeps its connection") {
  start(1);
  test::Peer& socket = network.accept();
  test::Peer& app = serve(socket, "GET / of no known kind\r\n\r\n");
  socket.end();
  pass(10ms);
  CHECK(app.ended);
  CHECK(network.waiting() == 0);
  pass(rules::classic_quiet);
  CHECK(network.waiting() == 1);
  CHECK(app.closed);
  CHECK_FALSE(lost);
}

TEST_CASE_FIXTURE(PoolFixture, "a socket that is closed unused is replaced after a backoff that grows") {
  start(2);
  network.accept();  // stays
  Duration before{};
  for (int i = 0; i < 6; ++i) {
    network.accept().end();
    network.pump();
    CHECK(network.waiting() == 0);
    Duration waited{};
    while (network.waiting() == 0) {
      pass(10ms);
      waited += 10ms;
    }
    CHECK(waited >= before);
    CHECK(waited >= rules::backoff_least);
    before = waited;
  }
  CHECK(before > 1500ms);
  CHECK_FALSE(lost);
}

TEST_CASE_FIXTURE(PoolFixture, "a port that nobody listens on loses the pool when every socket found that out") {
  start(3);
  network.refuse();
  network.refuse();
  CHECK_FALSE(lost);
  network.refuse();
  REQUIRE(lost);
  CHECK(lost->kind == ErrorKind::refused);
  CHECK(ready == 0);
  pass(1min);
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(PoolFixture, "a server that goes away is looked for again before the pool is lost") {
  start(3);
  std::vector<test::Peer*> sockets;
  for (int i = 0; i < 3; ++i) sockets.push_back(&network.accept());
  for (test::Peer* socket : sockets) socket->end();
  network.pump();
  CHECK_FALSE(lost);
  pass(1s);
  REQUIRE(network.waiting() == 3);
  for (int i = 0; i < 3; ++i) network.refuse();
  CHECK(lost);
}

TEST_CASE_FIXTURE(PoolFixture, "a server that closes every socket at once loses the pool, too") {
  start(2);
  for (int i = 0; i < 20 && !lost; ++i) {
    while (network.waiting() != 0) {
      network.accept().end();
      network.pump();
    }
    pass(1s);
  }
  CHECK(lost);
}

TEST_CASE_FIXTURE(PoolFixture, "leaving closes idle sockets at once and waits for a request to end") {
  start(3);
  network.accept();
  test::Peer& answered = network.accept();
  test::Peer& busy = network.accept();
  serve(answered);
  busy.say("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  network.pump();
  test::Peer& app = network.accept();
  network.pump();

  pool->leave(30s);
  pass(2s);
  CHECK(answered.closed);
  CHECK_FALSE(busy.closed);
  CHECK(left == 0);
  app.say("HTTP/1.1 204 No Content\r\n\r\n");
  network.pump();
  pass(2s);
  CHECK(busy.received == "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(left == 1);
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(PoolFixture, "leaving does not wait where nothing is under way") {
  start(2);
  network.accept();
  serve(network.accept());
  pool->leave(30s);
  pass(0s);
  CHECK(left == 1);
}

TEST_CASE_FIXTURE(PoolFixture, "what runs when a pool leaves runs on, however quiet it is") {
  start(1);
  test::Peer& socket = network.accept();
  std::string begin;
  SUBCASE("an event stream between two events") {
    begin = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n";
  }
  SUBCASE("a download") { begin = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"; }
  SUBCASE("an answer that ends with its connection") { begin = "HTTP/1.1 200 OK\r\n\r\nsome"; }
  SUBCASE("a long poll") {}
  SUBCASE("another protocol") {
    begin = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
  }
  socket.say("GET /slow HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
  network.pump();
  test::Peer& app = network.accept();
  app.say(begin);
  network.pump();
  pool->leave(30s);
  pass(29s);
  CHECK_FALSE(socket.closed);
  CHECK_FALSE(socket.ended);
  app.say("more");
  network.pump();
  CHECK(socket.received == begin + "more");
  CHECK(left == 0);
  pass(1s);
  CHECK(left == 1);
  CHECK(app.closed);
}

TEST_CASE_FIXTURE(PoolFixture,
                  "leaving is over in the very turn in which the last answer is whole, and loses nothing of it") {
  start(1);
  test::Peer& socket = network.accept();
  socket.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  network.pump();
  test::Peer& app = network.accept();
  pool->leave(30s);
  pass(10s);
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
  app.say(answer);
  network.pump();
  CHECK(socket.received == answer);
  CHECK(socket.ended);
  CHECK(left == 1);
}

TEST_CASE_FIXTURE(
    PoolFixture,
    "a socket that the server ended with a request under way is replaced at once, and its answer is waited for") {
  start(1);
  test::Peer& socket = network.accept();
  socket.say("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  network.pump();
  test::Peer& app = network.accept();
  network.pump();
  socket.end();
  network.pump();
  CHECK(app.ended);
  CHECK(network.waiting() == 1);
  test::Peer& next = network.accept();
  pass(1min);
  app.say("HTTP/1.1 204 No Content\r\n\r\n");
  network.pump();
  CHECK(socket.received == "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(socket.closed);
  pass(1min);
  CHECK_FALSE(next.closed);
  CHECK(network.waiting() == 0);
  CHECK_FALSE(lost);
}

TEST_CASE_FIXTURE(PoolFixture, "of sockets that wait so for an app that never answers there are few") {
  start(1);
  std::vector<test::Peer*> apps;
  for (std::size_t i = 0; i <= rules::classic_half_closed; ++i) {
    test::Peer& socket = network.accept();
    socket.say("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    network.pump();
    apps.push_back(&network.accept());
    socket.end();
    pass(1s);
    REQUIRE(network.waiting() == 1);
  }
  CHECK(apps[0]->closed);
  for (std::size_t i = 1; i < apps.size(); ++i) CHECK_FALSE(apps[i]->closed);
  network.accept();
  pool->leave(30s);
  pass(limits::half_close_time);
  CHECK(left == 1);
}

TEST_CASE_FIXTURE(PoolFixture, "leaving ends when its time is up, whatever runs") {
  start(1);
  network.accept().say("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  network.pump();
  network.accept();
  pool->leave(5s);
  pass(4s);
  CHECK(left == 0);
  pass(1100ms);
  CHECK(left == 1);
}

}  // namespace
}  // namespace tenfold
