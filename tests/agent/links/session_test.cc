#include "agent/links/session.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "agent/rules.h"
#include "base/limits.h"
#include "links/link_broker.h"

namespace tenfold {
namespace {

struct SessionFixture : test::AgentFixture, Session::Owner {
  std::unique_ptr<test::MemoryPipe> memory = std::make_unique<test::MemoryPipe>(runtime);
  std::unique_ptr<test::LinkBroker> broker;
  std::unique_ptr<Session> session;
  std::optional<Granted> registration;  // the last
  std::vector<std::string> refused;     // codes
  int unanswered = 0;
  std::optional<Duration> drain_deadline;
  std::optional<Error> closed;
  test::Peer visitor{runtime};

  SessionFixture() {
    broker = std::make_unique<test::LinkBroker>(network, memory->take_left());
    session = std::make_unique<Session>(side, memory->take_right(), tunnel, *this);
    session->start({});
    pump();
  }
  virtual ~SessionFixture() { runtime.graveyard.clear(); }

  void on_session_registered(Session&, Tunnel&, const Granted& said) override { registration = said; }
  void on_session_refused(Session&, Tunnel&, const std::string& code, const std::string&) override {
    refused.push_back(code);
  }
  void on_session_unregistered(Session&, Tunnel&, const std::string&, const std::string&) override {}
  void on_session_unanswered(Session&, Tunnel&) override { ++unanswered; }
  void on_session_draining(Session&, Duration deadline) override { drain_deadline = deadline; }
  void on_session_closed(Session&, const Error& why) override {
    closed = why;
    runtime.graveyard.bury(std::move(session));
  }
  void pump() {
    do network.pump();
    while (memory->step());
    network.pump();
  }
  void register_tunnel() {
    broker->register_tunnel("blue-fox", "https://blue-fox.example");
    pump();
  }
};

TEST_CASE_FIXTURE(SessionFixture, "the agent says Hello, and the tunnel stands with Registered") {
  REQUIRE(broker->heard.size() == 1);
  CHECK(broker->heard[0].starts_with("hello tenfold-agent/"));
  CHECK_FALSE(registration);
  register_tunnel();
  REQUIRE(registration);
  CHECK(registration->name == "blue-fox");
  CHECK(registration->url == "https://blue-fox.example");
  CHECK(registration->resume_token == "resume");
}

TEST_CASE_FIXTURE(SessionFixture, "a stream becomes a connection to the app, and its bytes go both ways") {
  register_tunnel();
  broker->open(visitor, "blue-fox", "1.2.3.4:5");
  visitor.say("GET / HTTP/1.1\r\n\r\n");
  pump();
  REQUIRE(network.waiting() == 1);
  test::Peer& app = network.accept();
  pump();
  CHECK(app.received == "GET / HTTP/1.1\r\n\r\n");
  app.say("HTTP/1.1 204 No Content\r\n\r\n");
  pump();
  CHECK(visitor.received == "HTTP/1.1 204 No Content\r\n\r\n");
  visitor.end();
  app.end();
  pump();
  CHECK(app.ended);
  CHECK(visitor.closed);
  CHECK(visitor.why.kind == ErrorKind::none);
}

TEST_CASE_FIXTURE(SessionFixture, "an app that does not answer is told to the broker with its cause") {
  register_tunnel();
  for (const ErrorKind cause : {ErrorKind::refused, ErrorKind::timeout, ErrorKind::dns, ErrorKind::tls}) {
    test::Peer each(runtime);
    broker->open(each, "blue-fox");
    each.say("GET / HTTP/1.1\r\n\r\n");
    pump();
    network.refuse(cause);
    pump();
    CHECK(each.closed);
    CHECK(each.why.kind == cause);
  }
  pass(limits::linger_time);
  pump();
  CHECK_FALSE(closed);
}

TEST_CASE_FIXTURE(SessionFixture, "a name that is not ours is refused, and nothing is dialled") {
  SUBCASE("before the tunnel stands") {
    broker->open(visitor, "metadata.internal:80");
    pump();
    register_tunnel();
  }
  SUBCASE("after") {
    register_tunnel();
    broker->open(visitor, "metadata.internal:80");
    pump();
  }
  CHECK(visitor.closed);
  CHECK(visitor.why.kind == ErrorKind::unbegun);
  CHECK(network.calls.empty());
  CHECK_FALSE(closed);
}

TEST_CASE_FIXTURE(SessionFixture, "a visitor who comes before the tunnel stands waits for it") {
  broker->open(visitor, "blue-fox");
  visitor.say("GET / HTTP/1.1\r\n\r\n");
  pump();
  CHECK(network.calls.empty());
  CHECK_FALSE(visitor.closed);
  register_tunnel();
  REQUIRE(network.waiting() == 1);
  test::Peer& app = network.accept();
  pump();
  CHECK(app.received == "GET / HTTP/1.1\r\n\r\n");
}

TEST_CASE_FIXTURE(SessionFixture, "a visitor who leaves frees the connection to the app") {
  register_tunnel();
  broker->open(visitor, "blue-fox");
  visitor.say("GET / HTTP/1.1\r\n\r\n");
  pump();
  test::Peer& app = network.accept();
  pump();
  visitor.cut();
  pump();
  CHECK(app.closed);
}

TEST_CASE_FIXTURE(SessionFixture, "a request is printed with its visitor") {
  forwarding.print_requests = true;
  register_tunnel();
  broker->open(visitor, "blue-fox", "1.2.3.4:5");
  visitor.say("GET /seen HTTP/1.1\r\nHost: x\r\n\r\n");
  pump();
  test::Peer& app = network.accept();
  pump();
  CHECK(output.lines.empty());
  app.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  pump();
  CHECK(output.has(" GET /seen                200 0ms 2 B"));
}

TEST_CASE_FIXTURE(SessionFixture, "a notice is shown, Drain is told once") {
  register_tunnel();
  broker->tell_notice("maintenance\x1b[2J tonight");
  broker->tell_drain(7000);
  broker->tell_drain(9000);
  pump();
  CHECK(output.has_error("maintenance\\x1b[2J tonight"));
  REQUIRE(drain_deadline);
  CHECK(*drain_deadline == Duration(7s));
}

TEST_CASE_FIXTURE(SessionFixture, "a notice is the broker's, a flood of them is counted, and so are refused streams") {
  register_tunnel();
  output.errors.clear();
  for (int i = 0; i < 50; ++i) broker->tell_notice("connected again: https://evil.example");
  pump();
  CHECK(output.errors.size() == rules::broker_lines_burst);
  for (const std::string& line : output.errors) CHECK(line == "broker: connected again: https://evil.example");
  pass(1s);
  broker->tell_notice("last");
  pump();
  REQUIRE(output.errors.size() == rules::broker_lines_burst + 2);
  CHECK(output.errors[rules::broker_lines_burst] == "broker: 40 more");
  CHECK(output.errors.back() == "broker: last");
  const auto refused_lines = [this] {
    return std::count_if(test.log.lines.begin(), test.log.lines.end(),
                         [](const std::string& line) { return line.starts_with("stream-refused"); });
  };
  for (int i = 0; i < 50; ++i) {
    test::Peer each(runtime);
    broker->open(each, "metadata.internal:80");
    pump();
  }
  CHECK(refused_lines() == rules::broker_lines_burst);
  CHECK_FALSE(closed);
}

TEST_CASE_FIXTURE(SessionFixture, "leaving lets a visitor finish, and then the link closes") {
  register_tunnel();
  broker->open(visitor, "blue-fox");
  visitor.say("GET / HTTP/1.1\r\n\r\n");
  pump();
  test::Peer& app = network.accept();
  pump();
  session->say_goodbye();
  session->leave(30s);
  pump();
  CHECK(broker->heard.back() == "goodbye");
  CHECK(broker->draining);
  CHECK_FALSE(closed);
  app.say("bye");
  app.end();
  pump();
  CHECK(visitor.received == "bye");
  visitor.end();
  pump();
  REQUIRE(closed);
  CHECK(visitor.why.kind == ErrorKind::none);
  CHECK(broker->closed);
}

TEST_CASE_FIXTURE(SessionFixture, "leaving with nobody there closes at once") {
  register_tunnel();
  session->leave(30s);
  pump();
  CHECK(closed);
}

TEST_CASE_FIXTURE(SessionFixture, "leaving ends when its time is up, whatever runs") {
  register_tunnel();
  broker->open(visitor, "blue-fox");
  visitor.say("GET / HTTP/1.1\r\n\r\n");
  pump();
  network.accept();
  session->leave(5s);
  pump();
  CHECK_FALSE(closed);
  for (int i = 0; i < 60 && !closed; ++i) {
    pass(100ms);
    pump();
  }
  CHECK(closed);
  CHECK(visitor.closed);
}

TEST_CASE_FIXTURE(SessionFixture, "a link on which no tunnel is registered is given up") {
  for (int i = 0; i < 120 && !closed; ++i) {
    pass(100ms);
    pump();
  }
  CHECK(closed);
}

TEST_CASE_FIXTURE(SessionFixture, "a lost link cuts its visitors and says so") {
  register_tunnel();
  broker->open(visitor, "blue-fox");
  visitor.say("GET / HTTP/1.1\r\n\r\n");
  pump();
  test::Peer& app = network.accept();
  pump();
  broker.reset();
  pump();
  CHECK(closed);
  CHECK(app.closed);
}

}  // namespace
}  // namespace tenfold
