// The registries of two replicas that share a real redis-server: what each knows of the other's tunnels.
#include "broker/cluster/cluster_registry.h"

#include <doctest/doctest.h>

#include "broker/tunnels/claimant.h"
#include "redis_server.h"

namespace tenfold::broker {
namespace {

using test::ask_until;
using test::has_redis;
using test::IoWorld;
using test::RedisServer;
using test::short_times;
using State = NameTable::State;

// A tunnel that opens nothing.
class Standing final : public Tunnel {
 public:
  using Tunnel::Tunnel;
  void open(Opening&) override {}
  std::size_t connected() const override { return 1; }
  const char* kind() const override { return "test"; }
  Tunnel* handed_to = nullptr;
  bool by_same_agent = false;

 private:
  void take_back(std::unique_ptr<Duplex>, Duration) override {}
  void on_pipe_gone() override {}
  void on_app_stuck() override {}
  bool someone_waits() const override { return false; }
  void on_handed_over(bool same_agent) override {
    handed_to = successor();
    by_same_agent = same_agent;
  }
};

struct Looked final : Registry::Lookup {
  void on_found(NameTable::Found f) override { found = std::move(f); }
  void on_registry_away() override { away = true; }
  bool answered() const { return found || away; }
  std::optional<NameTable::Found> found;
  bool away = false;
};

struct Claimed final : Registry::ClaimCall {
  void on_claimed(const Claim& given) override { claim = given; }
  void on_claim_failed(handshake::Refusal reason) override { why = reason; }
  bool answered() const { return claim || why != handshake::Refusal::none; }
  std::optional<Claim> claim;
  handshake::Refusal why = handshake::Refusal::none;
};

Claimant agent(const std::string& name) { return make_claimant("", name + "-instance-000000", "203.0.113.1"); }

class Replica final : private Remotes, private ClusterRegistry::Owner {
 public:
  Replica(IoWorld& world, const RedisServer& server, const std::string& id, const ClusterTimes& times = short_times)
      : world_(world),
        commands_(world.loop, server.address()),
        events_(world.loop, server.address()),
        names(world.loop.runtime()),
        registry(world.loop.runtime(), names, *this, {commands_, events_}, {{id, ++epochs}, {}, {}, times}, *this) {
    registry.start(id + ".peer:7443");
  }
  void wait_until_calm() {
    world_.run_until([&] { return registry.directory().is_up() && !registry.directory().is_warming(); });
  }

  NameTable::Found find(const std::string& name) {
    Looked looked;
    if (auto found = registry.find(name, looked)) return *found;
    world_.run_until([&] { return looked.answered(); });
    if (looked.away) return {State::unknown, nullptr, nullptr};
    return *looked.found;
  }
  // Asks until it is so.
  NameTable::Found wait_for(const std::string& name, State state) {
    NameTable::Found found = find(name);
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (found.state != state) {
      REQUIRE_MESSAGE(std::chrono::steady_clock::now() < deadline, "this has not happened in time");
      world_.run_turns();
      found = find(name);
    }
    return found;
  }
  std::optional<Claim> claim(const std::string& name, const Claimant& who) {
    Claimed call;
    registry.claim({name, who}, call);
    world_.run_until([&] { return call.answered(); });
    why = call.why;
    return call.claim;
  }
  std::shared_ptr<Standing> stand(const std::string& name, const Claimant& who,
                                  std::shared_ptr<const VisitorPolicy> policy = nullptr) {
    const std::optional<Claim> given = claim(name, who);
    REQUIRE(given);
    last = *given;
    auto tunnel = std::make_shared<Standing>(world_.loop.runtime(), name);
    registry.attach(*given, tunnel, std::move(policy));
    return tunnel;
  }

  std::vector<RemotePlace> made;  // tunnels to others
  std::vector<std::string> killed;
  std::vector<std::pair<std::string, std::uint64_t>> changed;  // rules: the name and their version
  handshake::Refusal why = handshake::Refusal::none;
  Claim last;

 private:
  std::shared_ptr<Tunnel> tunnel_to(const RemotePlace& place, Registry&) override {
    made.push_back(place);
    return std::make_shared<Standing>(world_.loop.runtime(), place.name);
  }
  void on_name_killed(const std::string& name) override { killed.push_back(name); }
  void on_rules_changed(const std::string& name, const VisitorPolicy* policy) override {
    changed.emplace_back(name, policy_version(policy));
  }

  static inline std::uint64_t epochs = 1000;
  IoWorld& world_;
  SocketRedisDialer commands_;
  SocketRedisDialer events_;

 public:
  NameTable names;
  ClusterRegistry registry;
};

struct Two {
  IoWorld world;
  RedisServer server;
  Replica a{world, server, "a"};
  Replica b{world, server, "b"};
  Two() {
    a.wait_until_calm();
    b.wait_until_calm();
  }
};

TEST_CASE("a tunnel of one replica is found on the other, with its rules, and asked for once a minute") {
  if (!has_redis()) return;
  Two two;
  CHECK(two.b.find("fox").state == State::unknown);
  VisitorRules rules;
  rules.allow = {"10.0.0.0/8"};
  const auto tunnel =
      two.a.stand("fox", agent("one"), std::make_shared<const VisitorPolicy>(*VisitorPolicy::read(rules)));
  CHECK(two.a.find("fox").tunnel == tunnel);
  const NameTable::Found found = two.b.wait_for("fox", State::here);
  REQUIRE(found.tunnel != nullptr);
  REQUIRE(found.policy != nullptr);
  CHECK(found.policy->lets_in("10.1.2.3"));
  CHECK_FALSE(found.policy->lets_in("192.0.2.1"));
  REQUIRE(two.b.made.size() == 1);
  CHECK(two.b.made[0].address == "a.peer:7443");
  CHECK(two.b.made[0].replica.id == "a");
  CHECK(two.b.made[0].policy_version == found.policy->version());
  Looked again;
  const auto at_once = two.b.registry.find("fox", again);
  REQUIRE(at_once);
  CHECK(at_once->tunnel == found.tunnel);

  two.a.registry.release(two.a.last);
  CHECK(two.b.wait_for("fox", State::unknown).tunnel == nullptr);
}

TEST_CASE(
    "an agent that moves to the other replica hands its tunnel over, and another agent of its owner replaces it") {
  if (!has_redis()) return;
  Two two;
  Claimant one = make_claimant("team", "instance-one-000000", "203.0.113.1");
  const auto tunnel = two.a.stand("fox", one);
  SUBCASE("its own agent") {
    two.b.stand("fox", one);
    two.world.run_until([&] { return tunnel->handed_to != nullptr; });
    CHECK(tunnel->by_same_agent);
  }
  SUBCASE("another agent") {
    two.b.stand("fox", make_claimant("team", "instance-two-000000", "203.0.113.1"));
    two.world.run_until([&] { return tunnel->handed_to != nullptr; });
    CHECK_FALSE(tunnel->by_same_agent);
  }
  CHECK(two.a.names.find("fox").state == State::unknown);
  CHECK(two.a.wait_for("fox", State::here).tunnel != tunnel);
  CHECK(two.a.made.back().address == "b.peer:7443");
  // The former claim changes nothing.
  two.a.registry.hold(two.a.last);
  CHECK(two.a.wait_for("fox", State::here).tunnel != nullptr);
}

TEST_CASE("a stranger is refused on every replica, and random names are no name of another") {
  if (!has_redis()) return;
  Two two;
  two.a.stand("fox", agent("one"));
  CHECK_FALSE(two.b.claim("fox", make_claimant("", "two-instance-000000", "198.51.100.7")));
  CHECK(two.b.why == handshake::Refusal::name_taken);
  const auto random = two.b.claim("", agent("two"));
  REQUIRE(random);
  CHECK_FALSE(random->name.empty());
}

TEST_CASE("while the registry is away what is known serves on, a new name is refused and a resume token is enough") {
  if (!has_redis()) return;
  Two two;
  two.a.stand("fox", agent("one"));
  two.b.wait_for("fox", State::here);
  const std::uint64_t generation = two.a.last.generation;
  two.server.kill();
  two.world.run_until([&] { return !two.b.registry.directory().is_up() && !two.a.registry.directory().is_up(); });
  CHECK(two.b.find("fox").state == State::here);
  CHECK(two.a.find("fox").state == State::here);
  CHECK_FALSE(two.b.claim("new", agent("two")));
  CHECK(two.b.why == handshake::Refusal::registry_away);
  Looked unknown;
  CHECK_FALSE(two.b.registry.find("other", unknown));
  two.world.run_until([&] { return unknown.answered(); });
  CHECK(unknown.away);

  Claimant resumed = agent("one");
  resumed.generation = generation;
  two.b.stand("fox", resumed);
  CHECK(two.b.last.generation == generation + 1);
  // It is published when the registry is back, empty, and then the former owner hears of it.
  two.server.start();
  CHECK(two.a.wait_for("fox", State::here).tunnel != nullptr);
  ask_until(two.world, [&] { return two.a.names.find("fox").state == State::unknown; });
  CHECK(two.b.names.find("fox").state == State::here);
}

TEST_CASE("while the registry is away a former owner's token does not take a name from who has it here") {
  if (!has_redis()) return;
  Two two;
  const auto tunnel = two.a.stand("fox", agent("one"));
  two.server.kill();
  two.world.run_until([&] { return !two.a.registry.directory().is_up(); });
  Claimant former = agent("two");
  former.generation = two.a.last.generation + 7;
  CHECK_FALSE(two.a.claim("fox", former));
  CHECK(two.a.why == handshake::Refusal::name_taken);
  CHECK(two.a.find("fox").tunnel == tunnel);
  Claimant own = agent("one");
  own.generation = two.a.last.generation;
  CHECK(two.a.claim("fox", own));
}

TEST_CASE("a tunnel whose replica was silent for a lease is found again soon after it speaks") {
  if (!has_redis()) return;
  IoWorld world;
  RedisServer server;
  ClusterTimes seldom = short_times;
  seldom.renew = 1h;
  Replica a{world, server, "a", seldom};
  Replica b{world, server, "b"};
  a.wait_until_calm();
  b.wait_until_calm();
  a.stand("fox", agent("one"));
  world.run_until([&] { return b.registry.directory().replicas().size() == 1; });
  CHECK(b.find("fox").state == State::away);
  const TimePoint asked = std::chrono::steady_clock::now();
  world.run_until([&] { return std::chrono::steady_clock::now() > asked + rules::unknown_kept; });
  // A replica that it does not know makes it ask, and speak.
  Replica c{world, server, "c"};
  c.wait_until_calm();
  c.stand("bear", agent("two"));
  a.find("bear");
  world.run_until([&] { return b.registry.directory().replicas().size() == 3; });
  CHECK(b.find("fox").state == State::here);
}

TEST_CASE("a tunnel that takes a name with other rules tells of it, one with the same does not") {
  if (!has_redis()) return;
  Two two;
  VisitorRules rules;
  rules.allow = {"10.0.0.0/8"};
  const auto policy = std::make_shared<const VisitorPolicy>(*VisitorPolicy::read(rules));
  two.a.stand("fox", agent("one"));
  CHECK(two.a.changed.empty());
  two.a.stand("fox", agent("one"), policy);
  two.a.stand("fox", agent("one"), policy);
  REQUIRE(two.a.changed.size() == 1);
  CHECK(two.a.changed[0] == std::pair(std::string("fox"), policy->version()));
  two.a.stand("fox", agent("one"));
  REQUIRE(two.a.changed.size() == 2);
  CHECK(two.a.changed[1].second == 0);
}

TEST_CASE("a claim whose connection has gone is given up") {
  if (!has_redis()) return;
  Two two;
  {
    Claimed call;
    two.a.registry.claim({"fox", agent("one")}, call);
  }
  while (!two.b.claim("fox", agent("two"))) two.world.run_turns();
  CHECK(two.a.names.find("fox").state == State::unknown);
}

}  // namespace
}  // namespace tenfold::broker
