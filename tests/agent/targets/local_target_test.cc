#include "agent/targets/local_target.h"

#include <doctest/doctest.h>

#include <optional>

#include "agent/rules.h"
#include "links/agent_fixture.h"

namespace tenfold {
namespace {

struct LocalTargetFixture : test::AgentFixture {
  LocalTarget by_name{runtime, network, tunnel_status, Endpoint{false, {"localhost", 3000}}, nullptr};
  std::optional<Result<std::unique_ptr<Duplex>>> got;
  std::unique_ptr<Dialing> opening;

  void open(LocalTarget& target) {
    got.reset();
    opening = target.open([this](Result<std::unique_ptr<Duplex>> pipe) { got.emplace(std::move(pipe)); });
  }
};

TEST_CASE_FIXTURE(LocalTargetFixture, "only the configured target is dialled") {
  open(local);
  CHECK(network.next().address() == "127.0.0.1:8080");
  network.accept();
  REQUIRE(got);
  CHECK(*got);
  open(local);
  network.refuse();
  CHECK(got->error().kind == ErrorKind::refused);
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(LocalTargetFixture, "localhost is ::1 and 127.0.0.1, and the one that worked is first from then on") {
  open(by_name);
  CHECK(network.next().address() == "[::1]:3000");
  CHECK(network.next().to.tls_name == "localhost");
  network.refuse();
  CHECK_FALSE(got);
  CHECK(network.next().address() == "127.0.0.1:3000");
  network.accept();
  REQUIRE(got);
  CHECK(*got);

  open(by_name);
  CHECK(network.next().address() == "127.0.0.1:3000");
  network.refuse();
  CHECK(network.next().address() == "[::1]:3000");
  network.accept();
  CHECK(*got);

  open(by_name);
  CHECK(network.next().address() == "[::1]:3000");
}

TEST_CASE_FIXTURE(LocalTargetFixture, "a unix socket is the one address of its target") {
  LocalTarget by_path{runtime, network, tunnel_status, *parse_target("unix:/run/app.sock"), nullptr};
  open(by_path);
  CHECK(network.next().to.address == Address::of_unix("/run/app.sock"));
  CHECK(network.next().to.tls == nullptr);
  network.refuse();
  REQUIRE(got);
  CHECK(got->error().kind == ErrorKind::refused);
  CHECK(network.waiting() == 0);
}

TEST_CASE_FIXTURE(LocalTargetFixture, "both tries together have one deadline") {
  open(by_name);
  CHECK(network.next().to.deadline == rules::local_connect_time);
  test.pass(rules::local_connect_time - 1s);
  network.refuse(ErrorKind::timeout);
  CHECK(network.next().to.deadline == Duration(1s));
  test.pass(1s);
  network.refuse(ErrorKind::timeout);
  REQUIRE(got);
  CHECK(got->error().kind == ErrorKind::timeout);
}

TEST_CASE_FIXTURE(LocalTargetFixture, "nobody is told of a dial that was given up") {
  open(by_name);
  opening.reset();
  CHECK(network.waiting() == 0);
  CHECK_FALSE(got);
}

TEST_CASE_FIXTURE(LocalTargetFixture, "down and up are told once") {
  for (int i = 0; i < 3; ++i) {
    open(local);
    network.refuse();
  }
  CHECK(output.errors.size() == 1);
  for (int i = 0; i < 3; ++i) {
    open(local);
    network.accept();
  }
  CHECK(output.errors.size() == 2);
}

TEST_CASE_FIXTURE(LocalTargetFixture, "a want of the agent's own is told as such, once, and not as the app's") {
  for (int i = 0; i < 3; ++i) {
    open(local);
    network.refuse(ErrorKind::limit);
    CHECK(got->error().kind == ErrorKind::limit);
  }
  REQUIRE(output.errors.size() == 1);
  CHECK(output.errors[0] == "127.0.0.1:8080 (the agent's own want: visitors are told to come again)");
}

TEST_CASE_FIXTURE(LocalTargetFixture, "::1 that cannot be had is no want of ports, the host that worked decides") {
  const auto fail_twice = [this](ErrorKind six, ErrorKind four) {
    open(by_name);
    const bool six_first = network.next().address() == "[::1]:3000";
    network.refuse(six_first ? six : four);
    network.refuse(six_first ? four : six);
    return got->error().kind;
  };
  CHECK(fail_twice(ErrorKind::limit, ErrorKind::refused) == ErrorKind::refused);
  CHECK(fail_twice(ErrorKind::limit, ErrorKind::limit) == ErrorKind::limit);
  open(by_name);
  network.refuse();
  network.accept();
  CHECK(fail_twice(ErrorKind::limit, ErrorKind::refused) == ErrorKind::refused);
  CHECK(fail_twice(ErrorKind::refused, ErrorKind::limit) == ErrorKind::limit);
}

TEST_CASE("a local certificate is checked, but on loopback") {
  CHECK_FALSE(local_verifies({true, {"localhost", 443}}));
  CHECK_FALSE(local_verifies({true, {"127.0.0.1", 443}}));
  CHECK(local_verifies({true, {"10.0.0.7", 443}}));
  CHECK(local_verifies({true, {"app.internal", 443}}));
}

}  // namespace
}  // namespace tenfold
