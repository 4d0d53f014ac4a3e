// Directories and a redis-server that fails in each way: restarted empty, standing still, full, refusing, or answering
// garbage. What is known stays known, and all of it heals by itself.
#include <doctest/doctest.h>

#include "io/tcp_listener.h"
#include "redis_server.h"

namespace tenfold::broker {
namespace {

using test::ask;
using test::ask_until;
using test::Claimed;
using test::has_redis;
using test::IoWorld;
using test::Looked;
using test::RedisServer;
using test::RedisShell;
using test::Replica;

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
  ask_until(world, [&] { return b.look("owl") == Looked::Answer::unknown && a.directory.unpublished() == 0; });
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
  ask_until(world, [&] { return a.look("fox") == Looked::Answer::unknown; });
  ask_until(world, [&] { return a.claim(ask("fox", "team")) != 0; });
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
  CHECK(a.look("list") == Looked::Answer::unknown);
  CHECK(a.claim(ask("list", "team")) == 0);
  CHECK(a.away);
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
  ask_until(world, [&] { return shell.run({"GET", key}).text != "garbage"; });
  shell.run({"DEL", key, "tenfold:name:fox"});
  b.must_find("fox", [](const NameView& v) { return v.members.size() == 1 && v.members[0].is_alive; });
  // A server whose clock went back a day: what is left is cut to a lease.
  shell.run({"PEXPIRE", key, "86470000"});
  ask_until(world, [&] { return shell.run({"PTTL", key}).number < 10'000; });
}

TEST_CASE("a server that is a replica of another is away, told once, until it takes writes") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  RedisShell shell(world, server);
  Replica a(world, server, "a");
  a.wait_until_calm();
  const int went_away = a.went_away;
  shell.run({"REPLICAOF", "127.0.0.1", "1"});
  world.run_until([&] { return a.went_away == went_away + 1; });
  CHECK(a.look("fox") == Looked::Answer::away);
  CHECK(a.claim(ask("fox", "team")) == 0);
  CHECK(a.went_away == went_away + 1);
  CHECK(a.came_back == went_away);
}

TEST_CASE("events that were trimmed meanwhile are lost, and told so; others come late") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server;
  RedisShell shell(world, server);
  Replica a(world, server, "a");
  Replica b(world, server, "b");
  a.wait_until_calm();
  b.wait_until_calm();
  a.claim_and_attach(ask("fox", "team"));
  b.wait_for(NameEvent::Kind::moved, "fox");
  const int lost = b.lost;
  shell.run({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  a.claim_and_attach(ask("owl", "team"));
  b.wait_for(NameEvent::Kind::moved, "owl");
  CHECK(b.lost == lost);
  shell.run({"XTRIM", "tenfold:events", "MAXLEN", "0"});
  shell.run({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
  world.run_until([&] { return b.lost == lost + 1; });
}

TEST_CASE("log-in and database are those of the address; a wrong password is told without it") {
  if (!has_redis()) return;
  IoWorld world;
  const RedisServer server({"--requirepass", "hunter2"});
  RedisAddress address = server.address();
  address.password = "hunter2";
  address.database = 3;
  Replica a(world, address, "a");
  a.wait_until_calm();
  a.claim_and_attach(ask("fox", "team"));
  address.database = 0;
  Replica other(world, address, "b");
  other.wait_until_calm();
  CHECK(other.look("fox") == Looked::Answer::unknown);

  address.password = "hunter3";
  Replica wrong(world, address, "c");
  world.run_until([&] { return wrong.went_away == 1; });
  CHECK(wrong.look("fox") == Looked::Answer::away);
  for (const std::string& line : world.log.lines) CHECK(line.find("hunter") == std::string::npos);
  CHECK(world.log.lines.back().find("WRONGPASS") != std::string::npos);
}

TEST_CASE("what answers garbage is away, and not asked more than it bears") {
  IoWorld world;
  for (const char* garbage :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", "$99999999999\r\n", "*1000000\r\n", ":0\r\n:0\r\n:0\r\n:0\r\n"}) {
    CAPTURE(garbage);
    int accepted = 0;
    std::vector<std::unique_ptr<TcpSocket>> sockets;
    const auto listener = tenfold::test::listen(world.loop, [&](std::unique_ptr<TcpSocket> socket) {
      ++accepted;
      socket->write(to_bytes(garbage));
      sockets.push_back(std::move(socket));
    });
    RedisAddress address;
    address.address = {"127.0.0.1", listener->port()};
    Replica a(world, address, "a");
    world.run_until([&] { return a.went_away == 1 && accepted >= 4; });
    CHECK(a.came_back == 0);
    CHECK(accepted < 100);
  }
}

TEST_CASE("rediss:// is TLS, and wants a certificate for the host") {
  if (!has_redis()) return;
  IoWorld world;
  const tenfold::test::TemporaryDirectory dir;
  const tenfold::test::CertificateFiles files = tenfold::test::make_certificate(dir.path(), {"127.0.0.1"});
  // One that the system has just given.
  const std::uint16_t port = tenfold::test::listen(world.loop, [](std::unique_ptr<TcpSocket>) {})->port();
  const RedisServer server({"--tls-port", std::to_string(port), "--bind", "127.0.0.1", "--tls-cert-file", files.cert,
                            "--tls-key-file", files.key, "--tls-ca-cert-file", files.ca, "--tls-auth-clients", "no"});
  const Result<std::shared_ptr<TlsContext>> tls = TlsContext::client({files.ca});
  REQUIRE(tls);
  const RedisAddress address = *RedisAddress::parse("rediss://127.0.0.1:" + std::to_string(port));
  Replica a(world, address, "a", test::short_times, *tls);
  a.wait_until_calm();
  a.claim_and_attach(ask("fox", "team"));

  // By another authority.
  const tenfold::test::TemporaryDirectory elsewhere;
  const auto others = TlsContext::client({tenfold::test::make_certificate(elsewhere.path(), {"127.0.0.1"}).ca});
  Replica b(world, address, "b", test::short_times, *others);
  world.run_until([&] { return b.went_away == 1; });
  CHECK(b.look("fox") == Looked::Answer::away);
  CHECK(world.log.lines.back().find("registry-away reason=tls") == 0);
}

}  // namespace
}  // namespace tenfold::broker
