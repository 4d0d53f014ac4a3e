// Directories that share a real redis-server: who has a name.
#include <doctest/doctest.h>

#include "broker/cluster/registry_keys.h"
#include "redis_server.h"

namespace tenfold::broker {
namespace {

using test::ask;
using test::ask_until;
using test::Banned;
using test::Claimed;
using test::has_redis;
using test::IoWorld;
using test::Looked;
using test::RedisServer;
using test::RedisShell;
using test::Replica;

TEST_CASE("the digests of the scripts are those that Redis computes") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  RedisShell shell(world, server);
  for (const RedisScript* script : {&registry_keys::renew, &registry_keys::change}) {
    CHECK(shell.run({"SCRIPT", "LOAD", std::string(script->text)}).text == script->digest);
  }
}

TEST_CASE("a name that is claimed on one replica is found on another, and is no stranger's") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  Replica a(world, server, "a");
  Replica b(world, server, "b");
  a.wait_until_calm();
  b.wait_until_calm();
  CHECK(b.look("fox") == Looked::Answer::unknown);

  const std::uint64_t generation = a.claim(ask("fox", "team"));
  CHECK(generation == 1);
  CHECK(b.claim(ask("fox", "stranger")) == 0);
  CHECK(b.refusal == ClaimRefusal::taken);
  a.directory.attach({"fox", generation, "team", "team-instance", 9, false, "rules"});
  const NameView view = b.must_find("fox", [](const NameView& v) { return !v.members.empty(); });
  CHECK(view.owner == "team");
  CHECK(view.policy == "rules");
  CHECK(view.policy_version == policy_version_of("rules"));
  REQUIRE(view.members.size() == 1);
  CHECK(view.members[0].is_alive);
  CHECK_FALSE(view.members[0].is_here);
  CHECK(view.members[0].peer_address == "a.peer:7443");
  CHECK(view.members[0].link_id == 9);
  b.wait_for(NameEvent::Kind::moved, "fox", generation);

  // The owner takes it over on the other replica; the first hears of it, and its wishes change nothing any more.
  const std::uint64_t second = b.claim_and_attach(ask("fox", "team"));
  CHECK(second == 2);
  a.wait_for(NameEvent::Kind::moved, "fox", second);
  a.directory.hold("fox", generation);
  world.run_until([&] { return a.directory.unpublished() == 0; });
  CHECK(a.must_find("fox", [](const NameView& v) { return !v.members.empty(); }).members[0].generation == second);

  b.directory.release("fox", second);
  a.wait_for(NameEvent::Kind::gone, "fox", second);
  CHECK(a.look("fox") == Looked::Answer::unknown);
  CHECK(a.claim(ask("fox", "stranger")) == 1);
}

TEST_CASE("of two claims at once by two owners exactly one wins") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  Replica a(world, server, "a");
  Replica b(world, server, "b");
  a.wait_until_calm();
  b.wait_until_calm();
  for (int i = 0; i < 20; ++i) {
    const std::string name = "name-" + std::to_string(i);
    Claimed one;
    Claimed two;
    a.directory.claim(ask(name, "one"), one);
    b.directory.claim(ask(name, "two"), two);
    world.run_until([&] { return one.answered() && two.answered(); });
    CHECK((one.generation != 0) != (two.generation != 0));
    CHECK((one.refusal == ClaimRefusal::taken) != (two.refusal == ClaimRefusal::taken));
  }
}

TEST_CASE("of two copies of one owner at once exactly one has the name in the end, and the other hears it") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  Replica a(world, server, "a");
  Replica b(world, server, "b");
  a.wait_until_calm();
  b.wait_until_calm();
  Claimed one;
  Claimed two;
  a.directory.claim(ask("fox", "team"), one);
  b.directory.claim(ask("fox", "team"), two);
  world.run_until([&] { return one.answered() && two.answered(); });
  REQUIRE(one.generation != 0);
  REQUIRE(two.generation != 0);
  a.directory.attach({"fox", one.generation, "team", "x", 1, false, ""});
  b.directory.attach({"fox", two.generation, "team", "y", 1, false, ""});
  const std::uint64_t winner = std::max(one.generation, two.generation);
  Replica& loser = one.generation > two.generation ? b : a;
  loser.wait_for(NameEvent::Kind::moved, "fox", winner);
  world.run_until([&] { return a.directory.unpublished() + b.directory.unpublished() == 0; });
  const NameView view = loser.must_find("fox", [](const NameView&) { return true; });
  REQUIRE(view.members.size() == 1);
  CHECK(view.members[0].generation == winner);
}

TEST_CASE("a replica that dies is off the air within its lease; its names stay their owners' and are free later") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  auto a = std::make_unique<Replica>(world, server, "a");
  Replica b(world, server, "b");
  a->wait_until_calm();
  b.wait_until_calm();
  a->claim_and_attach(ask("fox", "team"));
  b.must_find("fox", [](const NameView& v) { return v.members.size() == 1 && v.members[0].is_alive; });
  a.reset();
  b.must_find("fox", [](const NameView& v) { return v.members.size() == 1 && !v.members[0].is_alive; });
  CHECK(b.claim(ask("fox", "stranger")) == 0);
  CHECK(b.refusal == ClaimRefusal::taken);
  // The owner's next agent does not wait for that, nor does one from the same address now.
  const std::uint64_t kept = b.claim(ask("fox", "team", false));
  CHECK(kept == 2);
  b.directory.give_up("fox", kept);
  ask_until(world, [&] { return b.look("fox") == Looked::Answer::unknown; });
  CHECK(b.claim(ask("fox", "stranger")) != 0);
}

TEST_CASE("a name that is held is its owner's for a while, then free; a replica that leaves does the same to all") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  Replica a(world, server, "a");
  Replica b(world, server, "b");
  a.wait_until_calm();
  b.wait_until_calm();
  const std::uint64_t fox = a.claim_and_attach(ask("fox", "team"));
  a.directory.hold("fox", fox);
  CHECK(b.must_find("fox", [](const NameView& v) { return v.members.empty(); }).owner == "team");
  CHECK(b.claim(ask("fox", "stranger")) == 0);
  ask_until(world, [&] { return b.look("fox") == Looked::Answer::unknown; });

  a.claim_and_attach(ask("owl", "team"));
  a.directory.leave();
  b.must_find("owl", [](const NameView& v) { return v.members.size() == 1 && !v.members[0].is_alive; });
}

TEST_CASE("a name that joins stands beside, and a killed name ends everywhere and is banned for its time") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  Replica a(world, server, "a");
  Replica b(world, server, "b");
  a.wait_until_calm();
  b.wait_until_calm();
  NameRequest first = ask("fox", "team");
  first.joins = true;
  NameRequest second = first;
  second.instance = "another";
  a.claim_and_attach(first);
  b.claim_and_attach(second);
  CHECK(a.must_find("fox", [](const NameView& v) { return v.members.size() == 2; }).members[0].joins);

  Banned call;
  b.directory.ban("fox", 700ms, call);
  world.run_until([&] { return call.done; });
  a.wait_for(NameEvent::Kind::killed, "fox");
  CHECK(a.must_find("fox", [](const NameView& v) { return v.is_banned; }).members.empty());
  CHECK(a.claim(first) == 0);
  CHECK(a.refusal == ClaimRefusal::banned);
  ask_until(world, [&] { return a.claim(first) != 0; });
}

TEST_CASE("names that stand cost the registry nothing while nothing changes") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  RedisShell shell(world, server);
  Replica a(world, server, "a", ClusterTimes{});
  world.run_until([&] { return a.directory.is_up() && a.lost != 0; });
  constexpr int count = 10'000;
  for (int i = 0; i < count; ++i) {
    a.directory.attach({"n" + std::to_string(i), 1, "team", "instance", 1, false, ""});
  }
  world.run_until([&] { return a.directory.unpublished() == 0; });
  CHECK(shell.run({"DBSIZE"}).number >= count);
  shell.run({"CONFIG", "RESETSTAT"});
  const TimePoint later = std::chrono::steady_clock::now() + 2s;
  world.run_until([&] { return std::chrono::steady_clock::now() > later; });
  const std::string stats = shell.run({"INFO", "stats"}).text;
  const std::size_t at = stats.find("total_commands_processed:");
  REQUIRE(at != std::string::npos);
  // With those inside of the script.
  CHECK(std::stoi(stats.substr(at + 25)) < 40);
}

}  // namespace
}  // namespace tenfold::broker
