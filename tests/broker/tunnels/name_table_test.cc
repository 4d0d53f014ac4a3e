// Whose name it is, over drops, returns and take-overs.
#include <doctest/doctest.h>

#include "public_rig.h"
#include "tunnels/wanting.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;
using State = NameTable::State;

namespace {

struct Table {
  TestRuntime rt;
  NameTable names{rt.runtime};
  std::shared_ptr<TestTunnel> tunnel(const std::string& name) { return std::make_shared<TestTunnel>(rt, name); }
};

// Known by its instance, which proves itself; by its address, which proves nothing; and with a resume token.
Claimant agent(const std::string& name) { return make_claimant("", "instance-" + name + "-000000", "203.0.113.1"); }
Claimant stranger() { return make_claimant("", "instance-theirs-000000", "198.51.100.7"); }
Claimant address(const std::string& ip) { return make_claimant("", "", ip); }
Claimant resumed(Claimant who, const Claim& claim) {
  who.generation = claim.generation;
  return who;
}

}  // namespace

TEST_CASE("a name is one owner's until it is released") {
  Table r;
  const Result<Claim> claim = r.names.claim({"myapp", agent("mine")});
  REQUIRE(claim);
  CHECK(r.names.find("myapp").state == State::away);
  r.names.attach(*claim, r.tunnel("myapp"));
  CHECK(r.names.find("myapp").state == State::here);
  CHECK(r.names.size() == 1);
  CHECK_FALSE(r.names.claim({"myapp", stranger()}));
  r.names.release(*claim);
  CHECK(r.names.find("myapp").state == State::unknown);
  CHECK(r.names.size() == 0);
  CHECK(r.names.claim({"myapp", stranger()}));
}

TEST_CASE("after a drop the name waits for its owner, for a while") {
  Table r;
  const Result<Claim> claim = r.names.claim({"myapp", agent("mine")});
  r.names.attach(*claim, r.tunnel("myapp"));
  r.names.hold(*claim);
  CHECK(r.names.find("myapp").state == State::away);
  r.rt.pass(59s);
  CHECK_FALSE(r.names.claim({"myapp", stranger()}));
  const Result<Claim> again = r.names.claim({"myapp", agent("mine")});
  REQUIRE(again);
  CHECK(again->generation > claim->generation);
  r.names.attach(*again, r.tunnel("myapp"));
  r.names.hold(*again);
  r.rt.pass(61s);
  CHECK(r.names.find("myapp").state == State::unknown);
}

TEST_CASE("a former holder changes nothing after a take-over") {
  Table r;
  const Result<Claim> old_claim = r.names.claim({"myapp", agent("mine")});
  r.names.attach(*old_claim, r.tunnel("myapp"));
  const Result<Claim> new_claim = r.names.claim({"myapp", agent("mine")});
  REQUIRE(new_claim);
  const auto second = r.tunnel("myapp");
  r.names.attach(*new_claim, second);
  r.names.hold(*old_claim);
  r.names.release(*old_claim);
  r.names.attach(*old_claim, r.tunnel("myapp"));
  CHECK(r.names.find("myapp").tunnel == second);
  CHECK(r.names.size() == 1);
  r.rt.pass(2min);
  CHECK(r.names.find("myapp").tunnel == second);
}

TEST_CASE("a name without an agent goes back to its owner's address, which proves nothing") {
  Table r;
  const Result<Claim> claim = r.names.claim({"myapp", address("203.0.113.1")});
  const auto tunnel = r.tunnel("myapp");
  r.names.attach(*claim, tunnel);
  SUBCASE("its link is gone") { r.names.hold(*claim); }
  SUBCASE("its sockets are gone") { CHECK_FALSE(tunnel->has_agent()); }
  CHECK_FALSE(r.names.claim({"myapp", address("203.0.113.2")}));
  CHECK_FALSE(r.names.claim({"myapp", stranger()}));
  CHECK_FALSE(r.names.claim({"myapp", {}}));
  const Result<Claim> again = r.names.claim({"myapp", address("203.0.113.1")});
  REQUIRE(again);
  CHECK(again->generation > claim->generation);
}

TEST_CASE("a name with an agent goes to its address only with a resume token, and to a proven owner at once") {
  Table r;
  const Result<Claim> claim = r.names.claim({"myapp", address("203.0.113.1")});
  const auto tunnel = r.tunnel("myapp");
  Wanting one;
  tunnel->open(one);
  r.names.attach(*claim, tunnel);
  REQUIRE(tunnel->has_agent());
  CHECK_FALSE(r.names.claim({"myapp", address("203.0.113.1")}));
  CHECK(r.names.claim({"myapp", resumed(address("203.0.113.1"), *claim)}));

  const std::string one_agent = "instance-one-000000";
  const Result<Claim> other = r.names.claim({"other", make_claimant("team-a", one_agent, "203.0.113.1")});
  const auto second = r.tunnel("other");
  Wanting two;
  second->open(two);
  r.names.attach(*other, second);
  CHECK_FALSE(r.names.claim({"other", make_claimant("team-b", one_agent, "203.0.113.1")}));
  // A classic client of the same owner gets another name.
  CHECK_FALSE(r.names.claim({"other", make_claimant("team-a", "", "198.51.100.7")}));
  CHECK_FALSE(r.names.claim({"other", address("203.0.113.1")}));
  CHECK(r.names.claim({"other", make_claimant("team-a", one_agent, "198.51.100.7")}));
  CHECK(r.names.claim({"other", make_claimant("team-a", "instance-two-000000", "198.51.100.7")}));
}

TEST_CASE(
    "a name without an agent goes to an agent without a state, from the same address, and a token's to nobody else") {
  Table r;
  const Result<Claim> claim = r.names.claim({"myapp", agent("mine")});
  const auto tunnel = r.tunnel("myapp");
  Wanting one;
  tunnel->open(one);
  r.names.attach(*claim, tunnel);
  CHECK_FALSE(r.names.claim({"myapp", agent("another")}));
  r.names.hold(*claim);
  CHECK_FALSE(r.names.claim({"myapp", make_claimant("", "instance-else-000000", "198.51.100.7")}));
  CHECK(r.names.claim({"myapp", agent("another")}));

  const Result<Claim> other = r.names.claim({"other", make_claimant("team-a", "", "203.0.113.1")});
  r.names.attach(*other, r.tunnel("other"));
  r.names.hold(*other);
  CHECK_FALSE(r.names.claim({"other", agent("mine")}));
  CHECK_FALSE(r.names.claim({"other", address("203.0.113.1")}));
}

TEST_CASE("a new generation is above all that there were, and above the resume token's") {
  Table r;
  Claimant who = agent("mine");
  who.generation = 41;
  const Result<Claim> claim = r.names.claim({"myapp", who});
  REQUIRE(claim);
  CHECK(claim->generation == 42);
  CHECK(r.names.claim({"other", agent("mine")})->generation > 42);
}

TEST_CASE("a tunnel that is replaced learns whether by its own agent") {
  Table r;
  const Claimant first = make_claimant("team-a", "instance-one-000000", "203.0.113.1");
  const Claimant second = make_claimant("team-a", "instance-two-000000", "203.0.113.1");
  const auto tunnel = r.tunnel("myapp");
  r.names.attach(*r.names.claim({"myapp", first}), tunnel);
  SUBCASE("its own") {
    r.names.attach(*r.names.claim({"myapp", first}), r.tunnel("myapp"));
    CHECK(tunnel->by_same_agent);
  }
  SUBCASE("another one of the same owner") {
    r.names.attach(*r.names.claim({"myapp", second}), r.tunnel("myapp"));
    CHECK_FALSE(tunnel->by_same_agent);
  }
  CHECK(tunnel->handed_to != nullptr);
}

TEST_CASE("the tunnel that had the name hands over to the one that has it now") {
  Table r;
  const Result<Claim> claim = r.names.claim({"myapp", agent("mine")});
  const auto former = std::make_shared<TestTunnel>(r.rt, "myapp");
  r.names.attach(*claim, former);
  const auto next = r.tunnel("myapp");
  r.names.attach(*r.names.claim({"myapp", agent("mine")}), next);
  CHECK(former->handed_to == next.get());
}

TEST_CASE("a claim that is given up leaves what was before") {
  Table r;
  const Result<Claim> claim = r.names.claim({"myapp", agent("mine")});
  const auto tunnel = r.tunnel("myapp");
  r.names.attach(*claim, tunnel);
  SUBCASE("a tunnel") {
    const Result<Claim> other = r.names.claim({"myapp", agent("mine")});
    REQUIRE(other);
    r.names.give_up(*other);
    CHECK(r.names.find("myapp").tunnel == tunnel);
    r.rt.pass(2min);
    CHECK(r.names.find("myapp").tunnel == tunnel);
    // Its holder can do with it what he could.
    r.names.hold(*claim);
    CHECK(r.names.find("myapp").state == State::away);
  }
  SUBCASE("a name that waits for its owner") {
    r.names.hold(*claim);
    r.names.give_up(*r.names.claim({"myapp", agent("mine")}));
    CHECK(r.names.find("myapp").state == State::away);
    r.rt.pass(61s);
    CHECK(r.names.find("myapp").state == State::unknown);
    return;
  }
  SUBCASE("nothing") {
    const Result<Claim> fresh = r.names.claim({"fresh1", agent("mine")});
    r.names.give_up(*fresh);
    CHECK(r.names.find("fresh1").state == State::unknown);
    r.names.give_up(*fresh);
  }
  CHECK_FALSE(r.names.claim({"myapp", stranger()}));
}

TEST_CASE("a claim that is given up after another one changes nothing") {
  Table r;
  const Result<Claim> old_claim = r.names.claim({"myapp", agent("mine")});
  const Result<Claim> new_claim = r.names.claim({"myapp", agent("mine")});
  const auto tunnel = r.tunnel("myapp");
  r.names.attach(*new_claim, tunnel);
  r.names.give_up(*old_claim);
  CHECK(r.names.find("myapp").tunnel == tunnel);
  // Attached, it is no longer to be given up for what was before.
  r.names.give_up(*new_claim);
  CHECK(r.names.find("myapp").state == State::unknown);
}

TEST_CASE("an owner of whom nothing is known owns nothing") {
  Table r;
  REQUIRE(r.names.claim({"myapp", address("unknown")}));
  CHECK_FALSE(r.names.claim({"myapp", address("unknown")}));
}

TEST_CASE("no name asked for gives a random one that is free") {
  Table r;
  const Result<Claim> one = r.names.claim({"", agent("a")});
  const Result<Claim> two = r.names.claim({"", agent("a")});
  REQUIRE(one);
  REQUIRE(two);
  CHECK(one->name != two->name);
}

TEST_CASE("tunnels of one owner that join serve in turn, and each goes by itself") {
  Table r;
  const Result<Claim> one = r.names.claim({"myapp", agent("a"), true});
  const Result<Claim> two = r.names.claim({"myapp", agent("a"), true});
  REQUIRE(one);
  REQUIRE(two);
  const auto first = std::make_shared<TestTunnel>(r.rt, "myapp");
  const auto second = std::make_shared<TestTunnel>(r.rt, "myapp");
  r.names.attach(*one, first);
  CHECK(r.names.find("myapp").tunnel == first);
  r.names.attach(*two, second);
  CHECK(first->handed_to == nullptr);
  CHECK(r.names.size() == 2);
  CHECK(r.names.find("myapp").tunnel != r.names.find("myapp").tunnel);

  r.names.hold(*one);
  CHECK(r.names.size() == 1);
  CHECK(r.names.find("myapp").tunnel == second);
  CHECK(r.names.find("myapp").tunnel == second);
  r.rt.pass(61s);
  CHECK(r.names.find("myapp").tunnel == second);
  r.names.release(*two);
  CHECK(r.names.find("myapp").state == State::unknown);
}

TEST_CASE("a tunnel that comes back with its resume token replaces itself, and not those that it joined") {
  Table r;
  const Result<Claim> one = r.names.claim({"myapp", agent("a"), true});
  const Result<Claim> two = r.names.claim({"myapp", agent("a"), true});
  const auto first = std::make_shared<TestTunnel>(r.rt, "myapp");
  const auto second = std::make_shared<TestTunnel>(r.rt, "myapp");
  r.names.attach(*one, first);
  r.names.attach(*two, second);
  const Result<Claim> again = r.names.claim({"myapp", resumed(agent("a"), *one), true});
  REQUIRE(again);
  const auto third = std::make_shared<TestTunnel>(r.rt, "myapp");
  r.names.attach(*again, third);
  CHECK(first->handed_to == third.get());
  CHECK(second->handed_to == nullptr);
  CHECK(r.names.size() == 2);
  // The one that was replaced changes nothing any more.
  r.names.release(*one);
  CHECK(r.names.size() == 2);
}

TEST_CASE("nobody joins another owner's tunnels, nor, by an address alone, one that stands alone") {
  Table r;
  const Result<Claim> claim = r.names.claim({"myapp", address("203.0.113.1"), true});
  const auto tunnel = r.tunnel("myapp");
  Wanting one;
  tunnel->open(one);
  r.names.attach(*claim, tunnel);
  CHECK_FALSE(r.names.claim({"myapp", address("203.0.113.2"), true}));
  CHECK_FALSE(r.names.claim({"myapp", address("unknown"), true}));
  CHECK_FALSE(r.names.claim({"myapp", address("203.0.113.1"), false}));
  CHECK(r.names.claim({"myapp", address("203.0.113.1"), true}));

  const Result<Claim> alone = r.names.claim({"alone", address("203.0.113.1")});
  const auto lonely = r.tunnel("alone");
  lonely->open(one);
  r.names.attach(*alone, lonely);
  CHECK_FALSE(r.names.claim({"alone", address("203.0.113.1"), true}));
}

TEST_CASE("a tunnel that goes while its successor is on its way leaves the name away until that stands") {
  Table r;
  const Result<Claim> claim = r.names.claim({"myapp", agent("mine")});
  r.names.attach(*claim, r.tunnel("myapp"));
  const Result<Claim> next = r.names.claim({"myapp", agent("mine")});
  r.names.hold(*claim);
  CHECK(r.names.find("myapp").state == State::away);
  CHECK(r.names.size() == 0);
  const auto tunnel = r.tunnel("myapp");
  SUBCASE("which stands") {
    r.names.attach(*next, tunnel);
    CHECK(r.names.find("myapp").tunnel == tunnel);
  }
  SUBCASE("which never comes") {
    r.rt.pass(2min);
    CHECK(r.names.find("myapp").state == State::unknown);
  }
}

TEST_CASE("a name has the policy of the tunnel that was attached last") {
  Table r;
  const Result<Claim> claim = r.names.claim({"myapp", agent("mine")});
  const auto policy = std::make_shared<const VisitorPolicy>();
  r.names.attach(*claim, r.tunnel("myapp"), policy);
  CHECK(r.names.find("myapp").policy == policy);
  const Result<Claim> again = r.names.claim({"myapp", agent("mine")});
  CHECK(r.names.find("myapp").policy == policy);
  r.names.attach(*again, r.tunnel("myapp"));
  CHECK(r.names.find("myapp").policy == nullptr);
}
