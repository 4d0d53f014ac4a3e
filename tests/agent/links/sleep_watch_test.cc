// A machine that was suspended: the agent says so, and dials at once.
#include "agent/links/sleep_watch.h"

#include <doctest/doctest.h>

#include "agent/rules.h"
#include "agent_rig.h"

namespace tenfold {
namespace {

using test::AgentTest;
using test::asks;
using test::Peer;

struct SleptTest : AgentTest {
  SleptTest() { options.mux = Mux::prefer; }
  // Longer than a broker waits for a PING.
  void sleep(Duration time = 3h + 20min) { clock.slept += time; }
  void notice() { live(rules::sleep_looked_every); }
};

TEST_CASE_FIXTURE(SleptTest, "a link is dialled again at once, and the old one serves until the next one stands") {
  start();
  link("blue-fox");
  test::LinkBroker& old = broker();
  sleep();
  notice();
  CHECK(output.errors.back() == "this agent slept for 3 h 20 min: dialling again");
  REQUIRE(network.waiting() == 1);
  CHECK_FALSE(old.closed);
  const std::string asked = link("blue-fox");
  CHECK(asks(asked, "/blue-fox"));
  CHECK(asked.find("Tenfold-Resume") != std::string::npos);
  pass(rules::moved_grace);
  CHECK(old.closed);
  CHECK(output.has_error("connected again"));
  CHECK_FALSE(output.has_error("lost"));
}

TEST_CASE_FIXTURE(SleptTest, "a link that the broker gave up meanwhile is no broker that goes away") {
  start();
  link("blue-fox");
  sleep();
  SUBCASE("its GOAWAY is read first") { broker().link().drain(); }
  SUBCASE("its end is read first") { brokers.clear(); }
  SUBCASE("the sleep is noticed first") {
    notice();
    broker().link().drain();
  }
  network.pump();
  REQUIRE(network.waiting() == 1);
  CHECK(output.has_error("this agent slept for 3 h 20 min"));
  CHECK_FALSE(output.has_error("going away"));
  CHECK_FALSE(output.has_error("lost"));
  link("blue-fox");
  live(20s);
  CHECK(network.waiting() == 0);
}

// SIGSTOP, or a frozen container: clocks run on, and the first turn after it finds every deadline in the past.
TEST_CASE_FIXTURE(SleptTest, "a process that was stopped dials at once, whatever it hears first") {
  start();
  link("blue-fox");
  live(7s);  // one PING is answered
  const TimePoint woken = runtime.now() + 1h;
  SUBCASE("its timers, and no end of the link") {}
  SUBCASE("its timers, then the end of the link") {
    runtime.timers.run(woken, &runtime.graveyard);
    brokers.clear();
  }
  SUBCASE("the end of the link") {
    runtime.timers.set_now(woken);
    brokers.clear();
    network.pump();
  }
  runtime.timers.run(woken, &runtime.graveyard);
  network.pump();
  REQUIRE(network.waiting() == 1);
  CHECK(output.has_error("slept for 59 min"));
  CHECK_FALSE(output.has_error("lost"));
  link("blue-fox");
  live(20s);
  CHECK(network.waiting() == 0);
  CHECK(output.errors.size() == 3);  // forwarding, slept, connected again
}

TEST_CASE_FIXTURE(SleptTest, "a nap that a link outlives is none") {
  start();
  link("blue-fox");
  for (int i = 0; i < 5; ++i) {
    sleep(rules::slept_least);
    notice();
  }
  CHECK(network.waiting() == 0);
  CHECK_FALSE(output.has_error("slept"));
}

TEST_CASE_FIXTURE(SleptTest, "a broker that is waited for is asked at once") {
  start();
  for (int i = 0; i < 12; ++i) {
    wait_for_dial();
    network.refuse();
  }
  REQUIRE(network.waiting() == 0);
  sleep(90s);
  CHECK(agent != nullptr);
  for (int i = 0; i < 20 && network.waiting() == 0; ++i) pass(100ms);
  CHECK(network.waiting() == 1);
  link("blue-fox");
  CHECK(output.lines.size() == 1);
}

TEST_CASE_FIXTURE(SleptTest, "an answer that was waited for when the machine slept is not waited for") {
  start();
  Peer& asked = hear();
  sleep();
  notice();
  CHECK(asked.closed);
  link("blue-fox");
}

TEST_CASE_FIXTURE(SleptTest, "sockets of a pool are replaced, and what runs on them goes on") {
  options.mux = Mux::off;
  start();
  answer(grant("blue-fox"));
  Peer& visited = hear();
  Peer& idle = hear();
  visited.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  network.pump();
  Peer& app = network.accept();
  sleep();
  notice();
  REQUIRE(network.waiting() == 2);
  CHECK(network.next().address() == "broker.example:4321");
  hear();
  hear();
  app.say("HTTP/1.1 204 No Content\r\n\r\n");
  pass(rules::classic_quiet);
  CHECK(visited.received == "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(visited.closed);
  CHECK(idle.closed);
  pass(10s);
  CHECK(network.waiting() == 0);
  CHECK_FALSE(output.has_error("lost"));
}

TEST_CASE_FIXTURE(SleptTest, "an agent that stops does not look any more") {
  start();
  link("blue-fox");
  stop();
  network.pump();
  sleep();
  pass(1min);
  CHECK_FALSE(output.has_error("slept"));
  CHECK(network.waiting() == 0);
}

TEST_CASE("the system's clocks say that this test was not suspended") {
  SystemSuspendClock clock;
  const Duration before = clock.suspended();
  const Duration since = clock.suspended() - before;
  CHECK(since < rules::slept_least);
  CHECK(since > -rules::slept_least);
}

}  // namespace
}  // namespace tenfold
