// An agent on the pool of a classic server: the link is asked for again, and taken once the server has been upgraded.
#include <doctest/doctest.h>

#include <functional>

#include "agent/agent.h"
#include "agent/rules.h"
#include "agent_rig.h"
#include "base/limits.h"

namespace tenfold {
namespace {

using test::asks;
using test::asks_upgrade;
using test::FallbackTest;
using test::offers;
using test::Peer;

struct OnThePool : FallbackTest {
  // Of a server at which the name is `name`.
  void fall_back(const std::string& name = "blue-fox") {
    start();
    answer(grant(name));
    sockets.push_back(&hear());
    sockets.push_back(&hear());
    REQUIRE(output.has("your url is: http://" + name + ".example"));
  }
  std::vector<Peer*> sockets;
};

TEST_CASE_FIXTURE(OnThePool, "the link is asked for again every 10 minutes, in one request, and the pool stays") {
  std::function<void()> reply;
  SUBCASE("cut") {
    reply = [this] { CHECK(asks_upgrade(answer(""))); };
  }
  SUBCASE("silent") {
    reply = [this] { hear(); };
  }
  SUBCASE("no longer there") {
    reply = [this] { network.refuse(); };
  }
  SUBCASE("another grant") {
    reply = [this] { answer(grant("red-owl")); };
  }
  SUBCASE("refused") {
    reply = [this] { answer(with_json("409 Conflict", R"({"message":"taken","code":"name-taken"})")); };
  }
  fall_back();
  for (int i = 0; i < 3; ++i) {
    pass(rules::link_asked_every - 20s);
    CHECK(network.waiting() == 0);
    wait_for_dial(40s);
    reply();
    pass(15s);
    CHECK(network.waiting() == 0);
    CHECK_FALSE(code);
    CHECK_FALSE(sockets[0]->closed);
  }
  CHECK(output.lines.size() == 1);
}

TEST_CASE_FIXTURE(OnThePool, "an upgraded server's link takes over, and visitors on the pool are served to their end") {
  fall_back();
  Peer& visited = *sockets[0];
  Peer& idle = *sockets[1];
  visited.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  network.pump();
  Peer& app = hear();
  wait_for_dial(rules::link_asked_every + 20s);
  const std::string asked = link("blue-fox");
  CHECK(asks(asked, "/blue-fox"));
  CHECK(asks_upgrade(asked));
  CHECK(offers(asked));
  CHECK(output.has("your url is: https://blue-fox.example"));
  pass(200ms);
  CHECK(idle.closed);
  CHECK_FALSE(visited.closed);
  app.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  network.pump();
  CHECK(visited.received.ends_with("hi"));
  live(limits::drain_time + 1s);
  CHECK_FALSE(broker().closed);
  CHECK(network.waiting() == 0);
  // It ends as one that never had a pool.
  stop();
  network.pump();
  REQUIRE(code);
  CHECK(*code == ExitCode::stopped);
}

TEST_CASE_FIXTURE(OnThePool,
                  "the tunnel that stands moves, even where the server gave another name than was asked for") {
  subdomain() = "blue-fox";
  fall_back("qqq-random");
  wait_for_dial(rules::link_asked_every + 20s);
  CHECK(asks(link("qqq-random"), "/qqq-random"));
}

TEST_CASE_FIXTURE(OnThePool, "a link that does not come up leaves the pool as it is") {
  fall_back();
  wait_for_dial(rules::link_asked_every + 20s);
  Peer& peer = hear();
  peer.say(test::upgraded_answer);
  network.pump();
  SUBCASE("cut") { peer.cut(); }
  SUBCASE("silent") { pass(rules::dial_time + 1s); }
  network.pump();
  CHECK_FALSE(sockets[0]->closed);
  CHECK(network.waiting() == 0);
  wait_for_dial(rules::link_asked_every + 20s);
  link("blue-fox");
  CHECK(output.has("your url is: https://blue-fox.example"));
}

TEST_CASE_FIXTURE(OnThePool,
                  "a server of tenfold/1 whose proxy takes the Upgrade away is told, and its pool is the last one") {
  fall_back();
  wait_for_dial(rules::link_asked_every + 20s);
  answer(lost());
  CHECK(output.has_error("proxy_http_version 1.1"));
  CHECK_FALSE(sockets[0]->closed);
  const std::size_t dialled = network.calls.size();
  for (Peer* socket : sockets) socket->end();
  network.pump();
  for (int i = 0; i < 200 && output.errors.back().find("lost") == std::string::npos; ++i) {
    if (network.waiting() != 0) network.refuse();
    pass(100ms);
  }
  wait_for_dial();
  answer(grant("blue-fox"));
  for (std::size_t i = dialled; i < network.calls.size(); ++i) {
    CHECK((network.calls[i]->to.purpose != DialFor::pool || network.calls[i]->cancelled || network.calls[i]->answered));
  }
  CHECK(network.waiting() == 0);
  CHECK(output.has_error("has spoken tenfold/1 before"));
}

TEST_CASE_FIXTURE(OnThePool, "a pool that is lost is asked for as at the start, whatever was asked beside it") {
  fall_back();
  wait_for_dial(rules::link_asked_every + 20s);
  Peer& asked = hear();
  for (Peer* socket : sockets) socket->end();
  network.pump();
  for (int i = 0; i < 200 && network.waiting() == 0; ++i) pass(10ms);
  while (network.waiting() != 0 && network.next().to.purpose == DialFor::pool) {
    network.refuse();
    if (network.waiting() == 0) pass(200ms);
  }
  CHECK(asked.closed);
  wait_for_dial();
  CHECK(asks(answer(""), "/blue-fox"));
  answer_second(grant("blue-fox"));
  hear();
  CHECK(output.has_error("connected again"));
}

TEST_CASE_FIXTURE(OnThePool, "after a fallback the next connection asks for a link again") {
  fall_back();
  for (Peer* socket : sockets) socket->end();
  network.pump();
  for (int i = 0; i < 200 && network.waiting() == 0; ++i) pass(10ms);
  while (network.waiting() != 0 && network.next().to.purpose == DialFor::pool) {
    network.refuse();
    if (network.waiting() == 0) pass(200ms);
  }
  wait_for_dial();
  CHECK(asks_upgrade(link("blue-fox")));
}

TEST_CASE_FIXTURE(OnThePool, "an agent without --mux stays on the pool and asks for nothing") {
  options.mux = Mux::off;
  fall_back();
  pass(1h);
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(OnThePool, "stopping ends with 0 while it asks for the link") {
  fall_back();
  wait_for_dial(rules::link_asked_every + 20s);
  SUBCASE("dialling") {}
  SUBCASE("asking") { hear(); }
  SUBCASE("a link without a tunnel") {
    hear().say(test::upgraded_answer);
    network.pump();
  }
  stop();
  pass(limits::drain_time + 1s);
  REQUIRE(code);
  CHECK(*code == ExitCode::stopped);
  CHECK(network.waiting() == 0);
}

}  // namespace
}  // namespace tenfold
