// An agent that wants a link, and what else a server may answer: docs/PROTOCOL.md's table of answers row by row, and
// that nothing but a classic server's own word leads to the classic sockets.
#include <doctest/doctest.h>

#include <algorithm>

#include "agent/agent.h"
#include "agent/rules.h"
#include "agent_rig.h"
#include "support/test_certificate.h"

namespace tenfold {
namespace {

using test::asks;
using test::asks_upgrade;
using test::FallbackTest;
using test::offers;
using test::Peer;

// ---- What it sends

TEST_CASE_FIXTURE(FallbackTest, "every request for a link bears the offer, and none for the classic pool does") {
  SUBCASE("with --mux") {
    start();
    const std::string first = answer("");
    CHECK(asks_upgrade(first));
    CHECK(offers(first));
    answer_second("");
    wait_for_dial();
    CHECK(offers(answer("")));
  }
  SUBCASE("without") {
    options.mux = Mux::off;
    start();
    const std::string asked = answer("");
    CHECK_FALSE(asks_upgrade(asked));
    CHECK_FALSE(offers(asked));
  }
}

TEST_CASE_FIXTURE(FallbackTest, "the second question is for the same name, with the same token") {
  subdomain() = "blue-fox";
  options.token = "secret";
  start();
  answer("");
  const std::string asked = answer_second("");
  CHECK(asks(asked, "/blue-fox"));
  CHECK(asked.find("Authorization: Bearer secret\r\n") != std::string::npos);
}

// ---- A classic server

TEST_CASE_FIXTURE(FallbackTest, "a classic server's JSON in place of the upgrade is used at once, and told") {
  start();
  answer(grant("blue-fox"));
  CHECK(network.waiting() == 2);
  CHECK(output.has_error("no tenfold/1 there (it answered as a classic server does)"));
}

TEST_CASE_FIXTURE(FallbackTest,
                  "an Upgrade that is cut, or refused without a code, is followed by a second question after 1 s, and "
                  "its JSON by the pool") {
  start();
  SUBCASE("closed without a byte") { answer(""); }
  SUBCASE("closed in order") { hear().end(); }
  SUBCASE("a proxy's 400") { answer(with_json("400 Bad Request", "<html>")); }
  SUBCASE("a proxy's 403 with JSON of its own") { answer(with_json("403 Forbidden", R"({"message":"Forbidden"})")); }
  SUBCASE("a proxy's 404") { answer(with_json("404 Not Found", "404")); }
  SUBCASE("a proxy's 426") { answer(with_json("426 Upgrade Required", "")); }
  SUBCASE("a proxy's 502") { answer(with_json("502 Bad Gateway", "<html>")); }
  pass(900ms);
  CHECK(network.waiting() == 0);
  CHECK(output.errors.empty());
  answer_second(grant("blue-fox"));
  CHECK(output.has_error("no tenfold/1 there"));
  CHECK(network.waiting() == 2);
  network.accept();
  CHECK(output.has("your url is: http://blue-fox.example"));
}

TEST_CASE_FIXTURE(FallbackTest, "silence is followed by a second question after 1 s, while the first one stays open") {
  start();
  Peer& silent = hear();
  CHECK(asks_upgrade(silent.received));
  pass(990ms);
  CHECK(network.waiting() == 0);
  pass(20ms);
  CHECK(network.waiting() == 1);
  CHECK_FALSE(silent.closed);
  answer_second(grant("blue-fox"));
  CHECK(silent.closed);
  CHECK(output.has_error("no tenfold/1 there"));
  network.accept();
  CHECK(output.has("your url is: http://blue-fox.example"));
}

TEST_CASE_FIXTURE(FallbackTest, "an answer that has begun within 1 s may take longer, without a second question") {
  start();
  Peer& slow = hear();
  slow.say("HTTP/1.1 1");
  network.pump();
  pass(9s);
  CHECK_FALSE(slow.closed);
  CHECK(network.waiting() == 0);
  pass(1s);
  CHECK(slow.closed);
  CHECK(output.has_error("timeout"));
}

TEST_CASE_FIXTURE(FallbackTest,
                  "an answer that takes longer than 1 s and has no code is followed by the second question at once") {
  start();
  Peer& slow = hear();
  slow.say("HTTP/1.1 404 Not Found\r\n");
  network.pump();
  pass(3s);
  slow.say("Content-Length: 0\r\n\r\n");
  network.pump();
  pass(0s);
  answer_second(grant("blue-fox"));
  CHECK(pool_was_dialled());
}

// ---- A server of tenfold/1 on a bad way

TEST_CASE_FIXTURE(FallbackTest, "a late 101 counts, whatever became of the second question") {
  start();
  Peer& late = hear();
  pass(1s);
  SUBCASE("not dialled yet") {}
  SUBCASE("unanswered") { hear(); }
  SUBCASE("its dial failed") { network.refuse(); }
  SUBCASE("cut") { answer_second(""); }
  SUBCASE("426") { answer_second(lost()); }
  SUBCASE("refused") { answer_second(with_json("429 x", R"({"message":"slow","code":"rate"})")); }
  pass(3s);
  CHECK_FALSE(late.closed);
  make_link(late, "blue-fox");
  CHECK(output.lines == std::vector<std::string>{"your url is: https://blue-fox.example"});
  CHECK(output.errors.size() == 1);
  live(1min);
  CHECK(network.waiting() == 0);
  CHECK_FALSE(pool_was_dialled());
}

TEST_CASE_FIXTURE(FallbackTest, "no row of cut, silent and broken connections leads to the pool, or to the end") {
  SUBCASE("--mux") {}
  SUBCASE("--mux=require") { options.mux = Mux::require; }
  start();
  for (int i = 0; i < 30; ++i) {
    wait_for_dial(30s);
    switch (i % 6) {
      case 0: answer(""); break;
      case 1: hear(); break;
      case 2: network.refuse(); break;
      case 3: answer(with_json("502 Bad Gateway", "<html>")); break;
      case 4: answer(with_json("403 Forbidden", R"({"message":"Forbidden"})")); break;
      case 5: answer("SSH-2.0-OpenSSH_9.2\r\n\r\n"); break;
    }
  }
  CHECK_FALSE(pool_was_dialled());
  CHECK_FALSE(code);
  CHECK(output.lines.empty());
}

TEST_CASE_FIXTURE(FallbackTest, "426 upgrade-lost to the second question: a link is asked for again, never the pool") {
  SUBCASE("--mux") {}
  SUBCASE("--mux=require") { options.mux = Mux::require; }
  start();
  answer("");
  answer_second(lost());
  CHECK(output.has_error("it speaks tenfold/1, but the Upgrade came to nothing"));
  CHECK_FALSE(output.has_error("proxy_http_version"));
  wait_for_dial();
  answer(with_json("502 Bad Gateway", "<html>"));
  answer_second(lost());
  wait_for_dial();
  answer("");
  // A grant now is not from the server that spoke before.
  answer_second(grant("blue-fox"));
  CHECK_FALSE(pool_was_dialled());
  CHECK_FALSE(code);
  CHECK(output.has_error("has spoken tenfold/1 before"));
  wait_for_dial();
  CHECK(asks_upgrade(link("blue-fox")));
  CHECK(output.has("your url is: https://blue-fox.example"));
}

TEST_CASE_FIXTURE(FallbackTest,
                  "three Upgrades in a row that come to nothing at a server of tenfold/1 look like a proxy's doing") {
  start();
  for (int i = 0; i < 3; ++i) {
    CHECK_FALSE(output.has_error("proxy_http_version"));
    wait_for_dial();
    answer("");
    answer_second(lost());
  }
  CHECK(output.has_error("a proxy seems to take the Upgrade away"));
  CHECK(output.has_error("proxy_http_version 1.1"));
}

TEST_CASE_FIXTURE(FallbackTest,
                  "426 to an Upgrade: a proxy takes it away; what to configure is said once, and it is asked again") {
  std::string answered = lost();
  SUBCASE("--mux") {}
  SUBCASE("--mux=require") { options.mux = Mux::require; }
  SUBCASE("by a broker that knows no offer and has the pool off") {
    answered = with_json("426 Upgrade Required", R"({"message":"no pool","code":"upgrade-required"})");
  }
  start();
  for (int i = 0; i < 4; ++i) {
    CHECK(asks_upgrade(answer(answered)));
    CHECK_FALSE(code);
    wait_for_dial();
  }
  const auto told = std::count_if(output.errors.begin(), output.errors.end(), [](const std::string& line) {
    return line.find("proxy_http_version 1.1") != std::string::npos;
  });
  CHECK(told == 1);
  CHECK(output.has_error("run without --mux"));
  link("blue-fox");
  CHECK(output.has("your url is: https://blue-fox.example"));
}

TEST_CASE_FIXTURE(FallbackTest, "426 is final only for an agent that asked for the classic pool") {
  options.mux = Mux::off;
  start();
  answer(with_json("426 Upgrade Required", R"({"message":"no pool here","code":"upgrade-required"})"));
  REQUIRE(code);
  CHECK(*code == ExitCode::refused);
  CHECK(output.has_error("no pool here (try --mux)"));
}

TEST_CASE_FIXTURE(FallbackTest,
                  "two servers behind one address: where one speaks tenfold/1, the other's pool is not taken") {
  start();
  Peer& late = hear();
  pass(1s);
  answer_second(lost());
  late.say(grant("blue-fox"));
  network.pump();
  CHECK_FALSE(pool_was_dialled());
  CHECK_FALSE(code);
  wait_for_dial();
}

TEST_CASE_FIXTURE(FallbackTest,
                  "a refusal with a code that is answered to the second question counts once the first is over") {
  start();
  Peer& silent = hear();
  pass(1s);
  answer_second(with_json("401 Unauthorized", R"({"message":"no such token","code":"unauthorized"})"));
  CHECK_FALSE(code);
  silent.cut();
  network.pump();
  REQUIRE(code);
  CHECK(*code == ExitCode::refused);
  CHECK(output.has_error("no such token"));
}

TEST_CASE_FIXTURE(FallbackTest, "a silent Upgrade to a broker that has answered beside it is given up after 5 s") {
  start();
  Peer& silent = hear();
  pass(1s);
  answer_second(lost());
  SUBCASE("silent") {
    pass(3900ms);
    CHECK_FALSE(silent.closed);
    pass(200ms);
    CHECK(silent.closed);
    CHECK(output.has_error("no answer to the Upgrade"));
    wait_for_dial();
    CHECK(asks_upgrade(link("blue-fox")));
  }
  SUBCASE("its answer has begun") {
    silent.say(test::upgraded_answer.substr(0, 10));
    network.pump();
    pass(6s);
    CHECK_FALSE(silent.closed);
    silent.say(test::upgraded_answer.substr(10));
    network.pump();
    pass(1s);
    CHECK_FALSE(silent.closed);
  }
  CHECK_FALSE(pool_was_dialled());
}

TEST_CASE_FIXTURE(FallbackTest, "two silent connections end in another try, with the backoff") {
  start();
  Peer& first = hear();
  pass(1s);
  Peer& second = hear();
  pass(8900ms);
  CHECK_FALSE(first.closed);
  pass(200ms);
  CHECK(first.closed);
  CHECK_FALSE(second.closed);
  pass(1s);
  CHECK(second.closed);
  CHECK(output.has_error("timeout"));
  wait_for_dial();
  CHECK(asks_upgrade(link("blue-fox")));
}

TEST_CASE_FIXTURE(FallbackTest, "a name that a grant without its answer holds is waited for, and a taken one is not") {
  const std::string taken = with_json("409 Conflict", R"({"message":"in use","code":"name-taken"})");
  subdomain() = "blue-fox";
  bool own = true;
  start();
  SUBCASE("the answer was cut off") {
    answer("");
    answer_second(lost());
  }
  SUBCASE("the answer never came") {
    hear();
    pass(1s);
    answer_second(lost());
    pass(5s);
  }
  SUBCASE("the link was cut before its tunnel was registered") {
    Peer& peer = hear();
    peer.say(test::upgraded_answer);
    network.pump();
    peer.cut();
    network.pump();
  }
  SUBCASE("nothing was asked") {
    own = false;
    network.refuse();
  }
  SUBCASE("the broker was busy") {
    own = false;
    answer(with_json("503 x", R"({"message":"later","code":"draining"})"));
  }
  wait_for_dial();
  answer(taken);
  CHECK(code.has_value() != own);
  if (!own) return;
  wait_for_dial();
  SUBCASE("the broker has found the ghost out") {
    link("blue-fox");
    CHECK(output.has("your url is: https://blue-fox.example"));
  }
  SUBCASE("it is somebody else's") {
    for (Duration passed{}; passed < 2min && !code; passed += 100ms) {
      if (network.waiting() != 0) answer(taken);
      pass(100ms);
    }
    REQUIRE(code);
    CHECK(*code == ExitCode::refused);
  }
}

TEST_CASE_FIXTURE(FallbackTest,
                  "a late answer that has begun is waited for, though the second question brought a grant") {
  start();
  Peer& late = hear();
  pass(1s);
  Peer& second = hear();
  late.say(test::upgraded_answer.substr(0, 20));
  network.pump();
  second.say(grant("blue-fox"));
  network.pump();
  CHECK_FALSE(pool_was_dialled());
  SUBCASE("a link") {
    late.say(test::upgraded_answer.substr(20));
    brokers.push_back(std::make_unique<test::LinkBroker>(network, late.take_pipe()));
    brokers.back()->register_tunnel("blue-fox", "https://blue-fox.example");
    network.pump();
    CHECK(output.has("your url is: https://blue-fox.example"));
    CHECK_FALSE(pool_was_dialled());
  }
  SUBCASE("cut") {
    late.cut();
    network.pump();
    CHECK(pool_was_dialled());
  }
}

TEST_CASE_FIXTURE(FallbackTest, "a broker that answers 101 and then says nothing is asked again") {
  start();
  Peer& peer = hear();
  peer.say(test::upgraded_answer);
  SUBCASE("nothing at all") {}
  SUBCASE("a link without a tunnel") {
    brokers.push_back(std::make_unique<test::LinkBroker>(network, peer.take_pipe()));
  }
  network.pump();
  pass(rules::dial_time + 1s);
  CHECK_FALSE(pool_was_dialled());
  CHECK_FALSE(code);
  wait_for_dial();
  CHECK(asks_upgrade(link("blue-fox")));
}

// ---- --mux=require

TEST_CASE_FIXTURE(FallbackTest, "--mux=require ends with 3 at a classic server's own word, and for nothing less") {
  options.mux = Mux::require;
  start();
  SUBCASE("in answer to the Upgrade") { answer(grant("blue-fox")); }
  SUBCASE("in answer to the second question") {
    answer("");
    CHECK_FALSE(code);
    answer_second(grant("blue-fox"));
  }
  REQUIRE(code);
  CHECK(*code == ExitCode::refused);
  CHECK(output.has_error("does not speak tenfold/1"));
  CHECK(network.waiting() == 0);
  CHECK_FALSE(pool_was_dialled());
}

TEST_CASE_FIXTURE(FallbackTest, "--mux=require outlives a proxy whose broker is away at the first start") {
  options.mux = Mux::require;
  start();
  answer(with_json("502 Bad Gateway", "<html>"));
  answer_second(with_json("502 Bad Gateway", "<html>"));
  CHECK_FALSE(code);
  CHECK(output.has_error("the broker answered 502"));
  wait_for_dial();
  link("blue-fox");
  CHECK(output.has("your url is: https://blue-fox.example"));
}

// ---- Where this broker spoke tenfold/1 before

TEST_CASE_FIXTURE(FallbackTest, "after a link no answer leads to the pool") {
  SUBCASE("--mux") {}
  SUBCASE("--mux=require") { options.mux = Mux::require; }
  start();
  link("blue-fox");
  brokers.clear();
  network.pump();
  for (int i = 0; i < 5; ++i) {
    wait_for_dial();
    answer(grant("blue-fox"));
    wait_for_dial();
    answer("");
    answer_second(grant("blue-fox"));
  }
  CHECK_FALSE(pool_was_dialled());
  CHECK_FALSE(code);
  const auto told = std::count_if(output.errors.begin(), output.errors.end(), [](const std::string& line) {
    return line.find("run without --mux") != std::string::npos;
  });
  CHECK(told == 1);
  wait_for_dial();
  link("blue-fox");
  CHECK(output.has_error("connected again"));
}

struct RestartTest : FallbackTest {
  const test::TemporaryDirectory folder;
  RestartTest() { options.state_dir = folder.path() + "/state"; }

  void restart() {
    agent.reset();
    brokers.clear();
    network.pump();
    output.errors.clear();
    start();
  }
};

TEST_CASE_FIXTURE(RestartTest, "an agent that was restarted remembers the brokers that spoke tenfold/1") {
  start();
  SUBCASE("a link") { link("blue-fox"); }
  SUBCASE("426 upgrade-lost") { answer(lost()); }
  restart();
  answer(grant("blue-fox"));
  CHECK_FALSE(pool_was_dialled());
  CHECK(output.has_error("http://broker.example:7080 has spoken tenfold/1 before"));
  restart();
  answer("");
  answer_second(grant("blue-fox"));
  CHECK_FALSE(pool_was_dialled());
}

TEST_CASE_FIXTURE(RestartTest,
                  "what is remembered is one broker's, and a user who wants the classic sockets has them") {
  start();
  link("blue-fox");
  SUBCASE("another port") { options.broker.address.port = 7081; }
  SUBCASE("another host") { options.broker.address.host = "example"; }
  SUBCASE("another scheme") { options.broker.tls = true; }
  SUBCASE("without --mux") { options.mux = Mux::off; }
  restart();
  Peer& peer = hear();
  peer.say(grant("blue-fox"));
  network.pump();
  CHECK(pool_was_dialled());
}

TEST_CASE_FIXTURE(RestartTest, "a fallback is not remembered") {
  start();
  answer(grant("blue-fox"));
  network.accept();
  restart();
  CHECK(asks_upgrade(link("blue-fox")));
}

}  // namespace
}  // namespace tenfold
