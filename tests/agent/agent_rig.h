// An agent in a network in memory, and what a test answers it with.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "links/link_broker.h"

namespace tenfold::test {

struct SleepByHand final : SuspendClock {
  Duration suspended() override { return slept; }
  Duration slept{};
};

struct AgentTest : AgentFixture, Agent::Owner {
  Options options;
  SleepByHand clock;
  std::unique_ptr<Agent> agent;
  std::optional<ExitCode> code;
  std::vector<std::unique_ptr<LinkBroker>> brokers;

  AgentTest() {
    options.broker = {false, {"broker.example", 7080}};
    options.tunnels = {{{false, {"127.0.0.1", 8080}}, {}}};
  }
  virtual ~AgentTest() {
    agent.reset();
    runtime.graveyard.clear();
  }

  virtual std::vector<Forwarding*> ways() { return {&forwarding}; }
  std::string& subdomain() { return options.tunnels[0].subdomain; }

  void on_agent_done(ExitCode done) override { code = done; }
  void start() {
    agent = std::make_unique<Agent>(options, ways(), status, network, nullptr, middle, clock, *this);
    agent->start();
  }

  void stop() {
    agent->stop();
    runtime.graveyard.clear();
  }

  // Answers the handshake that waits with `answer`; what it asked for.
  std::string answer(const std::string& text, const std::string& ip = "192.0.2.1") {
    REQUIRE(network.waiting() == 1);
    CHECK(network.next().address() == "broker.example:7080");
    Peer& peer = network.accept(ip);
    network.pump();
    const std::string asked = peer.received;
    if (text.empty()) {
      peer.cut();
    } else {
      peer.say(text);
    }
    network.pump();
    return asked;
  }
  static std::string with_json(const std::string& status, const std::string& json, const std::string& fields = {}) {
    return "HTTP/1.1 " + status + "\r\n" + fields + "Content-Length: " + std::to_string(json.size()) + "\r\n\r\n" +
           json;
  }
  static std::string grant(const std::string& id, const std::string& more = {}) {
    return with_json("200 OK", R"({"id":")" + id + R"(","port":4321,"max_conn_count":2,"url":"http://)" + id +
                                   R"(.example")" + more + "}");
  }
  // Answers with a link, and registers `name` on it; what was asked.
  std::string link(const std::string& name, const std::string& resume_token = "resume") {
    REQUIRE(network.waiting() == 1);
    Peer& peer = hear();
    const std::string asked = peer.received;
    make_link(peer, name, resume_token);
    return asked;
  }
  // Lets the dial that waits stand, and its request without an answer.
  Peer& hear(const std::string& ip = "192.0.2.1") {
    REQUIRE(network.waiting() >= 1);
    Peer& peer = network.accept(ip);
    network.pump();
    return peer;
  }
  // Makes a link of a connection whose request was heard, and registers `name` on it.
  void make_link(Peer& peer, const std::string& name, const std::string& resume_token = "resume") {
    peer.say(upgraded_answer);
    brokers.push_back(std::make_unique<LinkBroker>(network, peer.take_pipe()));
    brokers.back()->register_tunnel(name, "https://" + name + ".example", resume_token);
    network.pump();
  }
  LinkBroker& broker() { return *brokers.back(); }
  // Passes time in which links answer their PINGs.
  void live(Duration time) {
    for (Duration lived{}; lived < time; lived += 1s) pass(1s);
  }
  void wait_for_dial(Duration most = 20s) {
    for (Duration waited{}; network.waiting() == 0 && waited < most; waited += 10ms) pass(10ms);
    REQUIRE(network.waiting() >= 1);
  }
};

inline bool asks_upgrade(const std::string& asked) { return asked.find("Upgrade: tenfold/1\r\n") != std::string::npos; }
inline bool offers(const std::string& asked) { return asked.find("Tenfold-Offer: tenfold/1\r\n") != std::string::npos; }
inline bool asks(const std::string& asked, const std::string& path) {
  return asked.starts_with("GET " + path + " HTTP/1.1\r\n");
}

// One that wants a link, and may have something else.
struct FallbackTest : AgentTest {
  FallbackTest() { options.mux = Mux::prefer; }

  static std::string lost() {
    return with_json("426 Upgrade Required", R"({"message":"the Upgrade did not come","code":"upgrade-lost"})");
  }

  // The second question of a round, after its second has passed; what it asked.
  std::string answer_second(const std::string& text) {
    wait_for_dial(1100ms);
    const std::string asked = answer(text);
    CHECK_FALSE(asks_upgrade(asked));
    CHECK(offers(asked));
    CHECK(asked.find("Tenfold-Resume") == std::string::npos);
    return asked;
  }
  bool pool_was_dialled() const {
    return std::any_of(network.calls.begin(), network.calls.end(),
                       [](const auto& call) { return call->to.purpose == DialFor::pool; });
  }
};

}  // namespace tenfold::test
