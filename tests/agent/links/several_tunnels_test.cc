// One agent with several tunnels: on one link each by its own name and token, on a classic server each on a pool of its
// own; what is refused to one keeps no other from its visitors.
#include <doctest/doctest.h>

#include <memory>

#include "agent/agent.h"
#include "agent/rules.h"
#include "agent_rig.h"
#include "base/base64.h"

namespace tenfold {
namespace {

using test::asks;
using test::asks_upgrade;
using test::offers;
using test::Peer;

struct Way {
  Way(test::AgentFixture& agent, std::uint16_t port)
      : status(agent.status, "http://127.0.0.1:" + std::to_string(port), TunnelStatus::Among::several),
        target(agent.runtime, agent.network, status, Endpoint{false, {"127.0.0.1", port}}, nullptr),
        forwarding{agent.runtime, target, status, {}, false} {}

  TunnelStatus status;
  LocalTarget target;
  Forwarding forwarding;
};

// Three apps, on the ports 3000, 3001 and 3002.
struct Several : test::FallbackTest {
  std::vector<std::unique_ptr<Way>> all;

  Several() {
    options.tunnels.clear();
    for (std::uint16_t port = 3000; port < 3003; ++port) {
      all.push_back(std::make_unique<Way>(*this, port));
      options.tunnels.push_back({{false, {"127.0.0.1", port}}, {}});
    }
  }
  ~Several() override {
    agent.reset();
    runtime.graveyard.clear();
  }

  std::vector<Forwarding*> ways() override {
    std::vector<Forwarding*> forwardings;
    for (const auto& way : all) forwardings.push_back(&way->forwarding);
    return forwardings;
  }
  void name_them(const std::vector<std::string>& names) {
    for (std::size_t i = 0; i < names.size(); ++i) options.tunnels[i].subdomain = names[i];
  }

  // The broker grants what the agent asked for by Register, as `name`.
  void grant_register(std::size_t at, const std::string& name) {
    REQUIRE(broker().registers.size() > at);
    broker().register_tunnel(name, "https://" + name + ".example", "token-" + name,
                             broker().registers[at].request_id());
    network.pump();
  }
  void refuse_register(std::size_t at, const std::string& why) {
    REQUIRE(broker().registers.size() > at);
    broker().refuse_tunnel(broker().registers[at].request_id(), why, "not that");
    network.pump();
  }
  // web, api and docs stand on one link.
  void stand() {
    name_them({"web", "api", "docs"});
    start();
    link("web", "token-web");
    grant_register(0, "api");
    grant_register(1, "docs");
  }
  std::string dialled_for(std::string_view name) {
    visitors.push_back(std::make_unique<Peer>(runtime));
    broker().open(*visitors.back(), name);
    visitors.back()->say("GET / HTTP/1.1\r\n\r\n");
    network.pump();
    if (network.waiting() == 0) return visitors.back()->closed ? "refused" : "waits";
    const std::string address = network.next().address();
    network.accept();
    network.pump();
    return address;
  }
  void lose_link() {
    brokers.clear();
    network.pump();
    wait_for_dial();
  }
  std::vector<std::unique_ptr<Peer>> visitors;
};

const std::string taken = R"({"message":"The name is in use.","code":"name-taken"})";

TEST_CASE_FIXTURE(Several, "the handshake asks for the first tunnel, Register for the others, and each has its line") {
  stand();
  CHECK(broker().heard[1] == "register api");
  CHECK(broker().heard[2] == "register docs");
  CHECK(broker().registers[0].kind() == "http");
  CHECK(broker().registers[0].resume_token().empty());
  CHECK(output.lines == std::vector<std::string>{"your url is: https://web.example", "your url is: https://api.example",
                                                 "your url is: https://docs.example"});
  CHECK(output.has_error("forwarding to http://127.0.0.1:3002 over one link"));
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(Several, "a stream is carried to the target of the tunnel that it names") {
  stand();
  CHECK(dialled_for("api") == "127.0.0.1:3001");
  CHECK(dialled_for("web") == "127.0.0.1:3000");
  CHECK(dialled_for("docs") == "127.0.0.1:3002");
  CHECK(dialled_for("blog") == "refused");
  CHECK(visitors.back()->why.kind == ErrorKind::unbegun);
}

TEST_CASE_FIXTURE(Several, "a visitor who comes before his tunnel's Registered waits for it, and no longer") {
  name_them({"web", "api", "docs"});
  start();
  link("web");
  CHECK(dialled_for("web") == "127.0.0.1:3000");
  CHECK(dialled_for("docs") == "waits");
  CHECK(dialled_for("blog") == "waits");
  grant_register(1, "docs");
  REQUIRE(network.waiting() == 1);
  CHECK(network.next().address() == "127.0.0.1:3002");
  network.accept();
  CHECK_FALSE(visitors.back()->closed);
  refuse_register(0, "bad-name");
  CHECK(visitors.back()->closed);
}

TEST_CASE_FIXTURE(Several, "after a lost link each name comes back by its own token") {
  stand();
  lose_link();
  CHECK(output.has_error("connection lost"));
  const std::string asked = link("web");
  CHECK(asks(asked, "/web"));
  CHECK(asked.find("Tenfold-Resume: " + encode_base64url("token-web") + "\r\n") != std::string::npos);
  REQUIRE(broker().registers.size() == 2);
  CHECK(broker().registers[0].name() == "api");
  CHECK(broker().registers[0].resume_token() == "token-api");
  CHECK(broker().registers[1].name() == "docs");
  CHECK(broker().registers[1].resume_token() == "token-docs");
  grant_register(0, "api");
  grant_register(1, "docs");
  CHECK(output.lines.size() == 3);
  for (const char* name : {"web", "api", "docs"}) {
    CHECK(output.has_error("connected again: https://" + std::string(name)));
  }
}

TEST_CASE_FIXTURE(Several, "a later Registered renews a tunnel's resume token, and is no new tunnel") {
  stand();
  broker().register_tunnel("api", "https://api.example", "renewed-api");
  network.pump();
  CHECK(output.lines.size() == 3);
  lose_link();
  link("web");
  REQUIRE(broker().registers.size() == 2);
  CHECK(broker().registers[0].resume_token() == "renewed-api");
  CHECK(broker().registers[1].resume_token() == "token-docs");
}

TEST_CASE_FIXTURE(Several, "a tunnel that the broker ends is said, and not asked for again") {
  stand();
  broker().tell_unregistered("api", "replaced", "Another agent has it");
  network.pump();
  CHECK(output.has_error("Another agent has it"));
  CHECK(dialled_for("api") == "refused");
  CHECK(dialled_for("web") == "127.0.0.1:3000");
  lose_link();
  link("web");
  REQUIRE(broker().registers.size() == 1);
  CHECK(broker().registers[0].name() == "docs");
  CHECK_FALSE(code);
  SUBCASE("a name that it does not have changes nothing") {
    broker().tell_unregistered("api", "killed");
    broker().tell_unregistered("blog", "killed");
    network.pump();
    CHECK_FALSE(code);
  }
  SUBCASE("with the last one the agent ends") {
    grant_register(0, "docs");
    broker().tell_unregistered("docs", "killed");
    broker().tell_unregistered("web", "killed", "Closed by the operator");
    network.pump();
    CHECK(output.has_error("Closed by the operator"));
    CHECK(code == ExitCode::refused);
  }
}

TEST_CASE_FIXTURE(Several, "names of the broker's choice come back as well") {
  start();
  link("one", "token-one");
  CHECK(broker().registers[0].name().empty());
  grant_register(0, "two");
  grant_register(1, "three");
  lose_link();
  CHECK(asks(link("one"), "/one"));
  CHECK(broker().registers[0].name() == "two");
  CHECK(broker().registers[1].name() == "three");
}

TEST_CASE_FIXTURE(Several, "a tunnel that is refused on the link is told, and the others go on without it") {
  name_them({"web", "api", "docs"});
  start();
  link("web");
  refuse_register(0, "name-taken");
  grant_register(1, "docs");
  CHECK_FALSE(code);
  CHECK(output.has_error("refused: not that (name-taken): http://127.0.0.1:3001 gets no URL; the others go on"));
  CHECK(output.lines.size() == 2);
  lose_link();
  link("web");
  REQUIRE(broker().registers.size() == 1);
  CHECK(broker().registers[0].name() == "docs");
}

TEST_CASE_FIXTURE(Several, "a refusal that heals is asked about again on the same link") {
  name_them({"web", "api", "docs"});
  start();
  link("web");
  refuse_register(0, "limit");
  grant_register(1, "docs");
  CHECK(output.has_error("has no URL now, and is asked for again"));
  live(rules::register_again + 1s);
  REQUIRE(broker().registers.size() == 3);
  CHECK(broker().registers[2].name() == "api");
  grant_register(2, "api");
  CHECK(output.lines.back() == "your url is: https://api.example");
  live(rules::register_again + 1s);
  CHECK(broker().registers.size() == 3);
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(Several, "a name that was had and is taken is waited for; one of the broker's choice is exchanged") {
  options.tunnels[1].subdomain = "api";
  start();
  link("one");
  grant_register(0, "api");
  grant_register(1, "three");
  lose_link();
  link("one");
  refuse_register(0, "name-taken");
  refuse_register(1, "name-taken");
  REQUIRE(broker().registers.size() == 3);
  CHECK(broker().registers[2].name().empty());
  CHECK(broker().registers[2].resume_token().empty());
  grant_register(2, "four");
  CHECK(output.has_error("https://three.example is no longer yours"));
  live(rules::register_again + 1s);
  REQUIRE(broker().registers.size() == 4);
  CHECK(broker().registers[3].name() == "api");
  CHECK(broker().registers[3].resume_token() == "token-api");
}

TEST_CASE_FIXTURE(Several, "the first tunnel's name is refused for good: the next tunnel's opens the link") {
  name_them({"web", "api", "docs"});
  start();
  CHECK(asks(answer(with_json("409 Conflict", taken)), "/web"));
  CHECK(output.has_error("http://127.0.0.1:3000 gets no URL; the others go on"));
  CHECK_FALSE(code);
  CHECK(asks(link("api"), "/api"));
  REQUIRE(broker().registers.size() == 1);
  CHECK(broker().registers[0].name() == "docs");
  CHECK(dialled_for("api") == "127.0.0.1:3001");
}

TEST_CASE_FIXTURE(Several, "every name is refused: the agent ends with 3") {
  name_them({"web", "api", "docs"});
  start();
  for (const char* path : {"/web", "/api", "/docs"}) CHECK(asks(answer(with_json("409 Conflict", taken)), path));
  REQUIRE(code);
  CHECK(*code == ExitCode::refused);
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(Several, "a refusal of who asks is one of every tunnel") {
  name_them({"web", "api", "docs"});
  start();
  answer(with_json("401 Unauthorized", R"({"message":"no such token","code":"unauthorized"})"));
  REQUIRE(code);
  CHECK(*code == ExitCode::refused);
}

TEST_CASE_FIXTURE(Several, "the first tunnel's name was taken over meanwhile: the others do not wait for it") {
  stand();
  lose_link();
  CHECK(asks(answer(with_json("409 Conflict", taken)), "/web"));
  REQUIRE(network.waiting() == 1);
  const std::string asked = link("api");
  CHECK(asks(asked, "/api"));
  CHECK(asked.find("Tenfold-Resume: " + encode_base64url("token-api") + "\r\n") != std::string::npos);
  REQUIRE(broker().registers.size() == 2);
  CHECK(broker().registers[0].name() == "web");
  CHECK(broker().registers[0].resume_token() == "token-web");
  refuse_register(0, "name-taken");
  grant_register(1, "docs");
  live(rules::register_again + 1s);
  REQUIRE(broker().registers.size() == 3);
  grant_register(2, "web");
  CHECK(output.has_error("connected again: https://web.example"));
}

TEST_CASE_FIXTURE(Several, "Drain: the old link takes visitors until every name has its answer on the next one") {
  stand();
  test::LinkBroker& old = broker();
  old.tell_drain(30000);
  network.pump();
  wait_for_dial(1s);
  link("web");
  CHECK_FALSE(old.draining);
  grant_register(0, "api");
  CHECK_FALSE(old.draining);
  refuse_register(1, "limit");
  CHECK_FALSE(old.draining);
  pass(rules::moved_grace);
  CHECK(old.draining);
  CHECK(old.closed);
  CHECK_FALSE(broker().closed);
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(Several, "Drain: the next link is lost before all have moved, and the old one serves on") {
  stand();
  test::LinkBroker& old = broker();
  old.tell_drain(30000);
  network.pump();
  wait_for_dial(1s);
  link("web");
  runtime.graveyard.bury(std::move(brokers.back()));
  brokers.pop_back();
  network.pump();
  CHECK_FALSE(old.closed);
  CHECK_FALSE(output.has_error("lost"));
  wait_for_dial();
  link("web");
  grant_register(0, "api");
  grant_register(1, "docs");
  pass(rules::moved_grace);
  CHECK(old.closed);
}

TEST_CASE_FIXTURE(Several, "a Register that has no answer is told, and an answer that comes late counts") {
  name_them({"web", "api", "docs"});
  start();
  link("web");
  grant_register(1, "docs");
  CHECK(dialled_for("blog") == "waits");
  live(rules::dial_time + 1s);
  CHECK(output.has_error("refused: the broker does not answer: http://127.0.0.1:3001 has no URL now"));
  CHECK(visitors.back()->closed);
  grant_register(0, "api");
  CHECK(output.lines.back() == "your url is: https://api.example");
  CHECK(dialled_for("api") == "127.0.0.1:3001");
}

TEST_CASE_FIXTURE(Several, "a classic server: each target has a pool of its own, asked for one after the other") {
  name_them({"web", "api", "docs"});
  start();
  CHECK(asks_upgrade(answer(grant("web"))));
  Peer& web = hear();
  hear();
  REQUIRE(network.waiting() == 1);
  const std::string second = answer(grant("api"));
  CHECK(asks(second, "/api"));
  CHECK(offers(second));
  CHECK_FALSE(asks_upgrade(second));
  Peer& api = hear();
  hear();
  answer(grant("docs"));
  hear();
  hear();
  CHECK(output.lines == std::vector<std::string>{"your url is: http://web.example", "your url is: http://api.example",
                                                 "your url is: http://docs.example"});
  for (auto [socket, address] : {std::pair{&api, "127.0.0.1:3001"}, std::pair{&web, "127.0.0.1:3000"}}) {
    socket->say("GET / HTTP/1.1\r\n\r\n");
    network.pump();
    REQUIRE(network.waiting() == 1);
    CHECK(network.next().address() == address);
    network.accept();
  }
}

TEST_CASE_FIXTURE(Several, "without --mux it is the same, in the classic way") {
  options.mux = Mux::off;
  name_them({"web", "api", "docs"});
  start();
  for (const char* name : {"web", "api", "docs"}) {
    const std::string asked = answer(grant(name));
    CHECK(asks(asked, "/" + std::string(name)));
    CHECK_FALSE(offers(asked));
    hear();
    hear();
  }
  CHECK(output.lines.size() == 3);
  CHECK(network.waiting() == 0);
  stop();
  pass(200ms);
  REQUIRE(code);
  CHECK(*code == ExitCode::stopped);
}

TEST_CASE_FIXTURE(Several, "one name that a classic server refuses, or does not grant now, holds no other up") {
  options.mux = Mux::off;
  name_them({"web", "api", "docs"});
  start();
  answer(grant("web"));
  hear();
  hear();
  SUBCASE("for good") {
    answer(with_json("403 Forbidden", R"({"message":"Invalid subdomain."})"));
    CHECK(output.has_error("http://127.0.0.1:3001 gets no URL"));
  }
  SUBCASE("not now") {
    answer(with_json("429 Too Many Requests", R"({"message":"slow","code":"rate"})", "Retry-After: 300\r\n"));
  }
  CHECK_FALSE(code);
  CHECK(asks(answer(grant("docs")), "/docs"));
  hear();
  CHECK(output.lines.back() == "your url is: http://docs.example");
}

TEST_CASE_FIXTURE(Several, "a pool that is lost is asked for again alone, while others stand") {
  name_them({"web", "api", "docs"});
  start();
  std::vector<Peer*> sockets;
  for (const char* name : {"web", "api", "docs"}) {
    answer(grant(name));
    sockets.push_back(&hear());
    sockets.push_back(&hear());
  }
  sockets[2]->end();
  sockets[3]->end();
  network.pump();
  for (int i = 0; i < 400 && (network.waiting() == 0 || network.next().to.purpose == DialFor::pool); ++i) {
    if (network.waiting() != 0) network.refuse();
    if (network.waiting() == 0) pass(50ms);
  }
  REQUIRE(network.waiting() == 1);
  SUBCASE("a classic server still") {
    CHECK(asks(answer(grant("api")), "/api"));
    hear();
    CHECK(output.has_error("connected again: http://api.example"));
  }
  SUBCASE("it speaks tenfold/1 now") {
    answer(lost());
    REQUIRE(network.waiting() == 1);
    const std::string asked = link("api");
    CHECK(asks(asked, "/api"));
    CHECK(asks_upgrade(asked));
    grant_register(0, "web");
    grant_register(1, "docs");
    pass(1s);
    CHECK(sockets[0]->closed);
    CHECK(sockets[4]->closed);
    CHECK(output.has_error("moving from the classic sockets to one link"));
  }
  CHECK_FALSE(code);
}

TEST_CASE_FIXTURE(Several, "a classic server that was restarted grants all of them again") {
  name_them({"web", "api", "docs"});
  start();
  std::vector<Peer*> sockets;
  for (const char* name : {"web", "api", "docs"}) {
    answer(grant(name));
    sockets.push_back(&hear());
    sockets.push_back(&hear());
  }
  for (Peer* socket : sockets) socket->end();
  network.pump();
  // No port of the pools is there any more; what is asked for alone meanwhile has no answer either.
  for (int i = 0; i < 4000 && !output.has_error("connection lost"); ++i) {
    while (network.waiting() != 0) network.refuse();
    pass(10ms);
  }
  for (int i = 0; i < 4000; ++i) {
    if (network.waiting() == 1 && network.next().to.purpose == DialFor::link) break;
    while (network.waiting() != 0 && network.next().to.purpose != DialFor::link) network.refuse();
    if (network.waiting() == 0) pass(10ms);
  }
  output.errors.clear();
  for (const char* name : {"web", "api", "docs"}) {
    REQUIRE(network.waiting() == 1);
    CHECK(asks(answer(grant(name)), "/" + std::string(name)));
    hear();
    hear();
    CHECK(output.has_error("connected again: http://" + std::string(name)));
  }
  pass(5s);
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(Several,
                  "a server that says in answer to the second name that it speaks tenfold/1 is asked for a link") {
  name_them({"web", "api", "docs"});
  start();
  answer(grant("web"));
  hear();
  hear();
  answer(lost());
  REQUIRE(network.waiting() == 1);
  CHECK(asks(link("api"), "/api"));
  REQUIRE(broker().registers.size() == 2);
  CHECK(network.waiting() == 0);
}

}  // namespace
}  // namespace tenfold
