#include "agent/forward/forwarder.h"

#include <doctest/doctest.h>

#include <optional>

#include "base/limits.h"
#include "links/agent_fixture.h"

namespace tenfold {
namespace {

// A pooled classic socket; the streams of a link are tested with the session.
struct ForwarderFixture : test::AgentFixture, Forwarder::Owner {
  test::MemoryPipe memory{runtime};
  test::Peer server{runtime};
  std::unique_ptr<Forwarder> forwarder;
  std::optional<Error> done;

  virtual ~ForwarderFixture() = default;

  void on_forwarder_done(Forwarder& which, const Error& why) override {
    CHECK(&which == forwarder.get());
    done = why;
    runtime.graveyard.bury(std::move(forwarder));
  }
  void start() {
    server.attach(memory.take_left());
    forwarder = std::make_unique<Forwarder>(forwarding, memory.take_right(), *this);
    forwarder->start();
  }
  void pump() {
    do network.pump();
    while (memory.step());
    runtime.graveyard.clear();
  }
  void say(std::string_view text) {
    server.say(text);
    pump();
  }
};

TEST_CASE_FIXTURE(ForwarderFixture, "the app is dialled when a visitor's first byte comes, and not sooner") {
  start();
  pump();
  CHECK(network.calls.empty());
  CHECK_FALSE(forwarder->visited());
  say("G");
  REQUIRE(network.waiting() == 1);
  CHECK(forwarder->visited());
  test::Peer& app = network.accept();
  say("ET / HTTP/1.1\r\n\r\n");
  CHECK(app.received == "GET / HTTP/1.1\r\n\r\n");
  app.say("HTTP/1.1 204 No Content\r\n\r\n");
  pump();
  CHECK(server.received == "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(memory.right_uncredited() == 0);
  CHECK(forwarder->visited());
}

TEST_CASE_FIXTURE(ForwarderFixture, "a socket that nobody used ends in peace") {
  start();
  server.end();
  pump();
  REQUIRE(done);
  CHECK(done->kind == ErrorKind::none);
  CHECK(network.calls.empty());
  CHECK_FALSE(memory.right_alive());
}

TEST_CASE_FIXTURE(ForwarderFixture, "with the app down the visitor gets a whole answer that names the cause") {
  start();
  say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  network.refuse();
  pump();
  CHECK(server.received.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
  CHECK(server.received.find("\r\nConnection: close\r\n") != std::string::npos);
  CHECK(server.received.find("\r\nTenfold-Cause: app-refused\r\n") != std::string::npos);
  CHECK(server.received.find("\r\nDate: ") != std::string::npos);
  CHECK(server.received.find("\r\nCache-Control: no-store\r\n") != std::string::npos);
  CHECK(server.received.find("\r\nRetry-After: ") == std::string::npos);
  CHECK(server.received.ends_with("\r\n\r\n502 The app behind this tunnel refused the connection. Is it running?\n"));
  CHECK(server.received.find("8080") == std::string::npos);
  CHECK(server.ended);
  CHECK_FALSE(done);
  // The rest of a body is let go of, and does not hold anything up.
  say("more");
  CHECK(memory.right_uncredited() == 0);
  server.end();
  pump();
  REQUIRE(done);
  CHECK(done->kind == ErrorKind::none);
}

TEST_CASE_FIXTURE(ForwarderFixture, "the answer of ours has the form that the request asks for") {
  start();
  std::string type;
  std::string part;
  SUBCASE("a browser's") {
    say("GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html,*/*\r\n\r\n");
    type = "text/html";
    part = "<h1>502 Bad Gateway</h1>";
  }
  SUBCASE("a program's") {
    say("GET / HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n");
    type = "application/json";
    part = R"("code":"app-dns")";
  }
  SUBCASE("of half a head none is known") {
    say("GET / HTTP/1.1\r\nAccept: text/html");
    type = "text/plain";
    part = "502 The name of the app";
  }
  network.refuse(ErrorKind::dns);
  pump();
  CHECK(server.received.find("\r\nContent-Type: " + type) != std::string::npos);
  CHECK(server.received.find(part) != std::string::npos);
}

TEST_CASE_FIXTURE(ForwarderFixture, "an agent without a descriptor to spare says that it is busy, and to come again") {
  start();
  say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  network.refuse(ErrorKind::limit);
  pump();
  CHECK(server.received.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(server.received.find("\r\nRetry-After: 5\r\n") != std::string::npos);
  CHECK(server.received.find("\r\nTenfold-Cause: agent-busy\r\n") != std::string::npos);
}

TEST_CASE_FIXTURE(ForwarderFixture, "an answer of ours does not wait for ever for the server's end") {
  start();
  say("GET / HTTP/1.1\r\n\r\n");
  network.refuse(ErrorKind::timeout);
  pump();
  CHECK_FALSE(done);
  pass(limits::linger_time);
  CHECK(done);
}

TEST_CASE_FIXTURE(ForwarderFixture, "the answer of ours to a HEAD has no body") {
  start();
  say("HEAD / HTTP/1.1\r\n\r\n");
  network.refuse();
  pump();
  CHECK(server.received.ends_with("\r\n\r\n"));
  CHECK(server.received.find("Content-Length: ") != std::string::npos);
}

TEST_CASE_FIXTURE(ForwarderFixture, "the app's FIN reaches the server, and the server's end ends all") {
  start();
  say("GET / HTTP/1.1\r\n\r\n");
  test::Peer& app = network.accept();
  app.say("bye");
  app.end();
  pump();
  CHECK(server.received == "bye");
  CHECK(server.ended);
  CHECK_FALSE(done);
  server.end();
  pump();
  CHECK(app.ended);
  REQUIRE(done);
  CHECK(done->kind == ErrorKind::none);
}

TEST_CASE_FIXTURE(ForwarderFixture, "a cut on one side is a cut on the other") {
  start();
  say("GET / HTTP/1.1\r\n\r\n");
  test::Peer& app = network.accept();
  pump();
  SUBCASE("of the app") { app.cut(); }
  SUBCASE("of the server") { server.cut(); }
  pump();
  REQUIRE(done);
  CHECK(done->kind != ErrorKind::none);
  CHECK((app.closed || server.closed));
}

TEST_CASE_FIXTURE(ForwarderFixture, "a forwarder that is destroyed in mid-dial leaves nothing behind") {
  start();
  say("GET / HTTP/1.1\r\n\r\n");
  forwarder.reset();
  CHECK(network.waiting() == 0);
  pump();
  CHECK(server.closed);
}

TEST_CASE_FIXTURE(ForwarderFixture, "each request is printed, and its Host replaced") {
  forwarding.local_host = "app.local";
  forwarding.print_requests = true;
  start();
  say("GET /one HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n");
  test::Peer& app = network.accept();
  say("GET /two HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(app.received ==
        "GET /one HTTP/1.1\r\nHost: app.local\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"
        "GET /two HTTP/1.1\r\nHost: app.local\r\n\r\n");
  CHECK(output.lines.empty());
  app.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  pump();
  app.cut();
  pump();
  REQUIRE(output.lines.size() == 2);
  CHECK(output.lines[0].ends_with(" GET /one                 200 0ms 2 B"));
  CHECK(output.lines[1].ends_with(" GET /two                 0ms, cut before an answer"));
}

}  // namespace
}  // namespace tenfold
