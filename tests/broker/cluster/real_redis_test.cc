// Directories that share a real redis-server: who has a name, and what happens when the server fails in each way.
#include <doctest/doctest.h>

#include "broker/cluster/registry_keys.h"
#include "redis_server.h"

namespace tenfold::broker {
namespace {

using test::Banned;
using test::Claimed;
using test::IoWorld;
using test::Looked;
using test::RedisServer;
using test::RedisShell;
using test::Replica;

bool has_redis() {
  static const bool has = !test::find_redis_server().empty();
  if (!has) MESSAGE("skipped: there is no redis-server in PATH");
  return has;
}

NameRequest ask(const std::string& name, const std::string& owner, bool proves = true) {
  NameRequest request{name, owner, proves};
  request.instance = owner + "-instance";
  return request;
}

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
  world.run_until([&] { return b.look("fox") == Looked::Answer::unknown; });
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
  world.run_until([&] { return b.look("fox") == Looked::Answer::unknown; });

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
  world.run_until([&] { return a.claim(first) != 0; });
}

TEST_CASE("a server that was restarted empty gets all names again, and no stranger slips in meanwhile") {
  if (!has_redis()) return;
  IoWorld world;
  RedisServer server;
  Replica a(world, server, "a");
  Replica b(world, server, "b");
  a.wait_until_calm();
  b.wait_until_calm();
  constexpr int count = 300;
  for (int i = 0; i < count; ++i) {
    a.directory.attach({"n" + std::to_string(i), 7, "team", "instance", 1, false, ""});
  }
  world.run_until([&] { return a.directory.unpublished() == 0; });
  const int went_away = a.went_away;  // before the server was up
  server.kill();
  server.start();
  // The first claim that the new server answers is a stranger's.
  Claimed stranger;
  world.run_until([&] {
    if (!stranger.pending() && !stranger.refusal) b.directory.claim(ask("n5", "stranger"), stranger);
    return stranger.refusal.has_value();
  });
  CHECK(stranger.generation == 0);
  for (int i = 0; i < count; ++i) {
    b.must_find("n" + std::to_string(i), [](const NameView& v) { return v.members.size() == 1; });
  }
  CHECK(b.claim(ask("n5", "stranger")) == 0);
  CHECK(a.went_away == went_away + 1);
  CHECK(a.came_back == went_away + 1);
  CHECK(a.lost >= 2);
  world.run_until([&] { return !b.directory.is_warming(); });
  CHECK(b.claim(ask("new", "stranger")) != 0);
  CHECK(b.refusal == std::nullopt);
  CHECK(!b.away);
}

TEST_CASE("FLUSHALL is healed as well, over the same connections") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  RedisShell shell(world, server);
  Replica a(world, server, "a");
  Replica b(world, server, "b");
  a.wait_until_calm();
  b.wait_until_calm();
  a.claim_and_attach(ask("fox", "team"));
  const int went_away = a.went_away;
  shell.run({"FLUSHALL"});
  b.must_find("fox", [](const NameView& v) { return v.members.size() == 1 && v.members[0].is_alive; });
  CHECK(a.went_away == went_away);
  shell.run({"SCRIPT", "FLUSH"});
  CHECK(b.claim(ask("fox", "stranger")) == 0);
}

TEST_CASE("a server that stands still fails lookups and claims in time, and what was asked is undone") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  Replica a(world, server, "a");
  Replica b(world, server, "b");
  a.wait_until_calm();
  b.wait_until_calm();
  const std::uint64_t fox = a.claim_and_attach(ask("fox", "team"));
  const int went_away = a.went_away;
  server.pause();
  Looked looked;
  a.directory.lookup("fox", looked);
  Claimed claimed;
  a.directory.claim(ask("owl", "team"), claimed);
  a.directory.hold("fox", fox);
  const TimePoint begun = std::chrono::steady_clock::now();
  world.run_until([&] { return looked.answer != Looked::Answer::none && claimed.answered(); });
  CHECK(std::chrono::steady_clock::now() - begun < 4s);
  CHECK(looked.answer == Looked::Answer::away);
  CHECK(claimed.away);
  server.go_on();
  // The claim that may have been made all the same is given up, and what was wished meanwhile is done.
  world.run_until([&] { return b.look("owl") == Looked::Answer::unknown && a.directory.unpublished() == 0; });
  b.must_find("fox", [](const NameView& v) { return v.members.empty(); });
  world.run_until([&] { return a.came_back == went_away + 1; });
  CHECK(a.went_away == went_away + 1);
}

TEST_CASE("CLIENT PAUSE is outlived") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  RedisShell shell(world, server);
  Replica a(world, server, "a");
  a.wait_until_calm();
  shell.run({"CLIENT", "PAUSE", "4000", "ALL"});
  CHECK(a.look("fox") == Looked::Answer::away);
  world.run_until([&] { return a.look("fox") == Looked::Answer::unknown; });
  world.run_until([&] { return a.claim(ask("fox", "team")) != 0; });
}

TEST_CASE("a server without memory still renews leases; a claim is refused as by one that is away") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  RedisShell shell(world, server);
  Replica a(world, server, "a");
  Replica b(world, server, "b");
  a.wait_until_calm();
  b.wait_until_calm();
  const std::uint64_t fox = a.claim_and_attach(ask("fox", "team"));
  shell.run({"CONFIG", "SET", "maxmemory", "1"});
  CHECK(a.claim(ask("owl", "team")) == 0);
  CHECK(a.away);
  CHECK(a.directory.is_up());
  CHECK(a.directory.faults() != 0);
  // Beyond several leases.
  const TimePoint later = std::chrono::steady_clock::now() + 4 * test::short_times.lease;
  world.run_until([&] { return std::chrono::steady_clock::now() > later; });
  CHECK(b.must_find("fox", [](const NameView&) { return true; }).members.at(0).is_alive);
  a.directory.hold("fox", fox);
  world.run_turns(20);
  shell.run({"CONFIG", "SET", "maxmemory", "0"});
  b.must_find("fox", [](const NameView& v) { return v.members.empty(); });
}

TEST_CASE("garbage under the keys is ignored and counted, and a newer version is not written over") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  RedisShell shell(world, server);
  Replica a(world, server, "a");
  a.wait_until_calm();
  shell.run({"SET", "tenfold:name:fox", "\xff\xff garbage"});
  CHECK(a.look("fox") == Looked::Answer::unknown);
  CHECK(a.directory.faults() == 1);
  CHECK(a.claim(ask("fox", "team")) == 1);

  cluster::Name newer;
  newer.set_version(2);
  newer.set_owner("later");
  shell.run({"SET", "tenfold:name:owl", newer.SerializeAsString()});
  CHECK(a.look("owl") == Looked::Answer::unknown);
  CHECK(a.claim(ask("owl", "team")) == 0);
  CHECK(shell.run({"GET", "tenfold:name:owl"}).text == newer.SerializeAsString());

  shell.run({"RPUSH", "tenfold:name:list", "x"});
  CHECK(a.look("list") == Looked::Answer::away);
  shell.run({"SADD", "tenfold:replicas", "x"});
  shell.run({"SET", "tenfold:replica:x", "y", "PX", "100000"});
  shell.run({"XADD", "tenfold:events", "*", "e", "garbage"});
  a.claim_and_attach(ask("cat", "team"));
  a.wait_for(NameEvent::Kind::moved, "cat");
  CHECK(a.directory.faults() > 4);
  int lines = 0;
  for (const std::string& line : world.log.lines) lines += static_cast<int>(line.starts_with("registry-fault"));
  CHECK(lines == 1);
}

TEST_CASE("an own key that was changed or deleted is set again") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  RedisShell shell(world, server);
  Replica a(world, server, "a");
  Replica b(world, server, "b");
  a.wait_until_calm();
  b.wait_until_calm();
  a.claim_and_attach(ask("fox", "team"));
  const std::string key = "tenfold:replica:" + to_string(a.directory.self());
  shell.run({"SET", key, "garbage"});
  world.run_until([&] { return shell.run({"GET", key}).text != "garbage"; });
  shell.run({"DEL", key, "tenfold:name:fox"});
  b.must_find("fox", [](const NameView& v) { return v.members.size() == 1 && v.members[0].is_alive; });
  // A server whose clock went back a day: what is left is cut to a lease.
  shell.run({"PEXPIRE", key, "86470000"});
  world.run_until([&] { return shell.run({"PTTL", key}).number < 10'000; });
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
