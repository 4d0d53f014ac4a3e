#include "agent/agent.h"

#include <doctest/doctest.h>

#include "agent/rules.h"
#include "agent_rig.h"
#include "base/base64.h"
#include "mux/registration.h"

namespace tenfold {
namespace {

using test::AgentTest;
using test::asks;
using test::asks_upgrade;

TEST_CASE_FIXTURE(AgentTest, "without --mux the classic handshake leads to the pool") {
  subdomain() = "blue-fox";
  options.token = "secret";
  start();
  const std::string asked = answer(grant("blue-fox"));
  CHECK(asks(asked, "/blue-fox"));
  CHECK(asked.find("Host: broker.example:7080\r\n") != std::string::npos);
  CHECK(asked.find("Authorization: Bearer secret\r\n") != std::string::npos);
  CHECK_FALSE(asks_upgrade(asked));
  REQUIRE(network.waiting() == 2);
  CHECK(network.next().address() == "broker.example:4321");
  CHECK(output.lines.empty());
  network.accept();
  CHECK(output.lines == std::vector<std::string>{"your url is: http://blue-fox.example"});
}

TEST_CASE_FIXTURE(AgentTest, "with --mux the handshake leads to a link") {
  options.mux = Mux::prefer;
  start();
  CHECK(network.next().to.purpose == DialFor::link);
  const std::string asked = link("blue-fox");
  CHECK(asks(asked, "/?new"));
  CHECK(asks_upgrade(asked));
  CHECK(output.lines == std::vector<std::string>{"your url is: https://blue-fox.example"});
}

TEST_CASE_FIXTURE(AgentTest, "the handshake names the agent's instance, and so does each Register") {
  options.mux = Mux::prefer;
  start();
  const auto instance_in = [](const std::string& asked) {
    const std::size_t at = asked.find("Tenfold-Register: ");
    REQUIRE(at != std::string::npos);
    const auto bytes = decode_base64url(asked.substr(at + 18, asked.find('\r', at) - at - 18));
    REQUIRE(bytes);
    const auto registration = parse_registration(*bytes);
    REQUIRE(registration);
    return registration->instance;
  };
  const std::string first = instance_in(link("blue-fox"));
  CHECK(first.size() == 32);
  brokers.clear();
  network.pump();
  wait_for_dial();
  CHECK(instance_in(link("blue-fox")) == first);
}

TEST_CASE_FIXTURE(AgentTest, "a lost link comes back with the same name, and its token") {
  options.mux = Mux::prefer;
  start();
  link("blue-fox");
  brokers.clear();
  network.pump();
  CHECK(output.has_error("connection lost"));
  CHECK(network.waiting() == 0);
  wait_for_dial();
  const std::string asked = link("blue-fox");
  CHECK(asks(asked, "/blue-fox"));
  CHECK(asked.find("Tenfold-Resume: " + encode_base64url("resume") + "\r\n") != std::string::npos);
  CHECK(output.lines.size() == 1);
  CHECK(output.has_error("connected again"));
}

TEST_CASE_FIXTURE(AgentTest, "a broker that is away is asked again and again, with one line for the person") {
  options.mux = Mux::prefer;
  start();
  for (int i = 0; i < 20; ++i) {
    wait_for_dial();
    network.refuse();
  }
  CHECK(output.errors.size() == 1);
  CHECK_FALSE(code);
  wait_for_dial();
  link("blue-fox");
  CHECK(output.lines.size() == 1);
}

TEST_CASE_FIXTURE(AgentTest, "a broker that says nothing is given up after its time") {
  start();
  network.accept();
  pass(rules::dial_time - 1s);
  CHECK(output.errors.empty());
  pass(1s);
  CHECK(output.has_error("timeout"));
  wait_for_dial();
}

TEST_CASE_FIXTURE(AgentTest, "a refusal for good ends with 3 and is shown") {
  options.mux = Mux::prefer;
  start();
  SUBCASE("token") { answer(with_json("401 Unauthorized", R"({"message":"no such token","code":"unauthorized"})")); }
  SUBCASE("name") { answer(with_json("409 Conflict", R"({"message":"taken","code":"name-taken"})")); }
  SUBCASE("grammar") { answer(with_json("403 Forbidden", R"({"message":"bad","code":"bad-name"})")); }
  REQUIRE(code);
  CHECK(*code == ExitCode::refused);
  CHECK(output.has_error("refused: "));
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(AgentTest, "the stock server's refusal ends with 3, too") {
  start();
  answer(with_json("403 Forbidden", R"({"message":"Invalid subdomain."})"));
  REQUIRE(code);
  CHECK(*code == ExitCode::refused);
  CHECK(output.has_error("Invalid subdomain."));
}

TEST_CASE_FIXTURE(AgentTest, "a 2xx that is no grant and has a message is the classic server's way to refuse") {
  const std::string refusal = with_json("202 Accepted", R"({"message":"no more names today"})");
  SUBCASE("to the classic handshake: for good") {
    start();
    answer(refusal);
    REQUIRE(code);
    CHECK(*code == ExitCode::refused);
    CHECK(output.has_error("refused: no more names today"));
  }
  SUBCASE("to an Upgrade: a fault, and shown") {
    options.mux = Mux::prefer;
    start();
    answer(refusal);
    CHECK_FALSE(code);
    CHECK(output.has_error("answered 202: no more names today"));
    wait_for_dial();
  }
}

TEST_CASE_FIXTURE(AgentTest,
                  "a broker that was away for long, is back and takes others first is asked again in a moment") {
  options.mux = Mux::prefer;
  start();
  for (const TimePoint back = runtime.now() + 5min; runtime.now() < back;) {
    wait_for_dial();
    network.refuse();
    network.pump();
  }
  wait_for_dial();
  answer(with_json("503 Service Unavailable", R"({"message":"wait","code":"busy"})", "Retry-After: 1\r\n"));
  pass(1s);
  CHECK(network.waiting() == 0);
  wait_for_dial(rules::backoff_most_early);
}

TEST_CASE_FIXTURE(AgentTest, "what can heal is asked for again, not before Retry-After") {
  options.mux = Mux::prefer;
  start();
  answer(with_json("429 Too Many Requests", R"({"message":"slow","code":"rate"})", "Retry-After: 30\r\n"));
  CHECK_FALSE(code);
  pass(29900ms);
  CHECK(network.waiting() == 0);
  pass(500ms);
  CHECK(network.waiting() == 1);
}

TEST_CASE_FIXTURE(AgentTest,
                  "a name of the broker's choice that was taken meanwhile is exchanged for another, and told") {
  options.mux = Mux::prefer;
  start();
  link("blue-fox");
  brokers.clear();
  network.pump();
  wait_for_dial();
  CHECK(asks(answer(with_json("409 Conflict", R"({"message":"taken","code":"name-taken"})")), "/blue-fox"));
  const std::string asked = link("red-owl");
  CHECK(asks(asked, "/?new"));
  CHECK(asked.find("Tenfold-Resume") == std::string::npos);
  CHECK(output.lines.back() == "your url is: https://red-owl.example");
  CHECK(output.has_error("https://blue-fox.example is no longer yours"));
}

TEST_CASE_FIXTURE(AgentTest, "a name that was asked for and had is waited for") {
  options.mux = Mux::prefer;
  subdomain() = "blue-fox";
  start();
  link("blue-fox");
  brokers.clear();
  network.pump();
  for (int i = 0; i < 3; ++i) {
    wait_for_dial();
    CHECK(asks(answer(with_json("409 Conflict", R"({"message":"taken","code":"name-taken"})")), "/blue-fox"));
  }
  CHECK_FALSE(code);
}

TEST_CASE_FIXTURE(AgentTest, "Drain: a second link is dialled while the first one serves, and then left") {
  options.mux = Mux::prefer;
  start();
  link("blue-fox");
  test::Peer visitor(runtime);
  broker().open(visitor, "blue-fox");
  visitor.say("GET / HTTP/1.1\r\n\r\n");
  network.pump();
  test::Peer& app = network.accept();
  test::LinkBroker& old = broker();
  old.tell_drain(30000);
  network.pump();
  wait_for_dial(1s);
  CHECK_FALSE(output.has_error("lost"));
  const std::string asked = link("blue-fox");
  CHECK(asks(asked, "/blue-fox"));
  CHECK(asked.find("Tenfold-Resume") != std::string::npos);
  // What the broker sent before it heard of the move is still served.
  CHECK_FALSE(old.draining);
  pass(rules::moved_grace);
  CHECK(old.draining);
  CHECK_FALSE(old.closed);
  app.say("answer");
  app.end();
  network.pump();
  CHECK(visitor.received == "answer");
  visitor.end();
  network.pump();
  CHECK(old.closed);
  CHECK(visitor.why.kind == ErrorKind::none);
  CHECK_FALSE(broker().closed);
  CHECK(output.lines.size() == 1);
}

TEST_CASE_FIXTURE(AgentTest, "brokers that drain at once do not make it dial in a tight loop") {
  options.mux = Mux::prefer;
  start();
  for (int i = 0; i < 8; ++i) {
    wait_for_dial();
    link("blue-fox");
    broker().tell_drain(1000);
    network.pump();
  }
  pass(1s);
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(AgentTest, "an address that is not the broker's is not dialled, unless allowed") {
  SUBCASE("another") {
    start();
    answer(grant("blue-fox", R"(,"ip":"169.254.169.254")"));
    CHECK(network.next().address() == "broker.example:4321");
    CHECK(output.has_error("169.254.169.254"));
  }
  SUBCASE("the one that answered") {
    start();
    answer(grant("blue-fox", R"(,"ip":"192.0.2.1")"));
    CHECK(network.next().address() == "192.0.2.1:4321");
  }
  SUBCASE("allowed") {
    options.allow_remote_ip = true;
    start();
    answer(grant("blue-fox", R"(,"ip":"192.0.2.77")"));
    CHECK(network.next().address() == "192.0.2.77:4321");
  }
}

TEST_CASE_FIXTURE(AgentTest, "a pool whose port refuses leads back to the handshake, for the same name") {
  start();
  answer(grant("blue-fox"));
  network.accept().end();
  network.accept().end();
  network.pump();
  wait_for_dial();
  while (network.waiting() != 0) {
    const bool pool = network.next().address() == "broker.example:4321";
    if (!pool) break;
    network.refuse();
    if (network.waiting() == 0) pass(200ms);
  }
  wait_for_dial();
  CHECK(asks(answer(grant("blue-fox")), "/blue-fox"));
  network.accept();
  CHECK(output.lines.size() == 1);
  CHECK(output.has_error("connected again"));
}

TEST_CASE_FIXTURE(AgentTest, "a random id in place of the name is shown as the URL that it is") {
  subdomain() = "blue-fox";
  start();
  answer(grant("qqq-random"));
  network.accept();
  CHECK(output.lines == std::vector<std::string>{"your url is: http://qqq-random.example"});
  CHECK(output.has_error("the name blue-fox is not free"));
}

TEST_CASE_FIXTURE(AgentTest, "stopping says Goodbye and ends with 0") {
  options.mux = Mux::prefer;
  start();
  link("blue-fox");
  stop();
  network.pump();
  CHECK(broker().heard.back() == "goodbye");
  CHECK(broker().closed);
  REQUIRE(code);
  CHECK(*code == ExitCode::stopped);
}

TEST_CASE_FIXTURE(AgentTest, "stopping lets a pool finish and ends with 0") {
  start();
  answer(grant("blue-fox"));
  network.accept();
  network.accept();
  stop();
  pass(200ms);
  REQUIRE(code);
  CHECK(*code == ExitCode::stopped);
}

TEST_CASE_FIXTURE(AgentTest, "a pool that is lost while it stops is not asked for again") {
  start();
  answer(grant("blue-fox"));
  agent->stop();
  network.refuse();
  network.refuse();
  REQUIRE(code);
  CHECK(*code == ExitCode::stopped);
  pass(1min);
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(AgentTest, "stopping ends with 0 in every other state at once") {
  start();
  SUBCASE("dialling") {}
  SUBCASE("asking") {
    network.accept();
    network.pump();
  }
  SUBCASE("waiting") { network.refuse(); }
  stop();
  REQUIRE(code);
  CHECK(*code == ExitCode::stopped);
  CHECK(network.waiting() == 0);
  pass(1min);
  CHECK(network.waiting() == 0);
}

}  // namespace
}  // namespace tenfold
