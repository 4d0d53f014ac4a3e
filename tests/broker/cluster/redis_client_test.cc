// RedisClient against a registry of bytes: order, deadlines, losses and what is told of them.
#include "broker/cluster/redis_client.h"

#include <doctest/doctest.h>

#include "redis_rig.h"

namespace tenfold::broker {
namespace {

using test::Asked;
using test::bulk;
using test::ClientEvents;
using test::FakeRedis;
using test::TestRuntime;

struct ClientWorld {
  explicit ClientWorld(RedisClient::Options options = {}) : client(world.runtime, redis, std::move(options), events) {
    client.start();
  }
  void send(Asked& call, const std::string& word) {
    client.send(call, {word});
    redis.pump();
  }
  TestRuntime world;
  FakeRedis redis{world};
  ClientEvents events;
  RedisClient client;
};

TEST_CASE("log-in and database come first, and no command before their answers") {
  ClientWorld w({"ana", "pass", 2});
  Asked call;
  w.client.send(call, {"GET", "k"});
  w.redis.accept(false);
  CHECK(w.redis.take_received() ==
        "*3\r\n$4\r\nAUTH\r\n$3\r\nana\r\n$4\r\npass\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n*3\r\n$7\r\nPEXPIRE\r\n$"
        "16\r\ntenfold:greeting\r\n$1\r\n1\r\n");
  w.redis.say("+OK\r\n+OK\r\n");
  CHECK(w.redis.received.empty());
  w.redis.say(":0\r\n");
  CHECK(w.events.connected == 1);
  CHECK(w.redis.take_received() == "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
  w.redis.say(bulk("v"));
  REQUIRE(call.replies.size() == 1);
  CHECK(call.replies[0].text == "v");
  CHECK(w.events.away.empty());
  CHECK(w.events.back == 0);
  CHECK(w.client.is_up());
}

TEST_CASE("a refused log-in is told once, and tried again for ever") {
  ClientWorld w({"", "wrong", 0});
  for (int i = 0; i < 5; ++i) {
    w.redis.accept(false);
    w.redis.say("-WRONGPASS invalid username-password pair\r\n-NOAUTH Authentication required.\r\n");
    CHECK_FALSE(w.redis.connected());
    w.world.pass(3s);
    CHECK(w.redis.dials == i + 2);
  }
  REQUIRE(w.events.away.size() == 1);
  CHECK(w.events.away[0].detail == "WRONGPASS invalid username-password pair");
  CHECK(w.events.connected == 0);
}

TEST_CASE("commands of one turn leave together and are answered in order, byte by byte, too") {
  ClientWorld w;
  w.redis.accept();
  Asked a;
  Asked b;
  w.client.send(a, {"A"});
  w.client.send(b, {"B"});
  CHECK(w.redis.received.empty());
  w.redis.pump();
  CHECK(w.redis.take_received() == "*1\r\n$1\r\nA\r\n*1\r\n$1\r\nB\r\n");
  w.redis.say(":1\r\n*1\r\n$1\r\nx\r\n", 1);
  REQUIRE(a.replies.size() == 1);
  CHECK(a.replies[0].number == 1);
  REQUIRE(b.replies.size() == 1);
  CHECK(b.replies[0].items[0].text == "x");
}

TEST_CASE("the answer of a withdrawn call is skipped") {
  ClientWorld w;
  w.redis.accept();
  Asked b;
  Asked c;
  {
    Asked a;
    w.send(a, "A");
    w.send(b, "B");
    w.send(c, "C");
  }
  b.cancel();
  CHECK_FALSE(b.pending());
  w.redis.say(":1\r\n:2\r\n:3\r\n");
  CHECK(b.replies.empty());
  REQUIRE(c.replies.size() == 1);
  CHECK(c.replies[0].number == 3);
  CHECK(w.redis.connected());
}

TEST_CASE("a call is good for the next command from inside its answer") {
  ClientWorld w;
  w.redis.accept();
  struct Twice final : RedisCall {
    void on_reply(const RedisReply& reply) override {
      sum += reply.number;
      if (sum == 1) client->send(*this, {"AGAIN"});
    }
    void on_away() override {}
    RedisClient* client = nullptr;
    std::int64_t sum = 0;
  } call;
  call.client = &w.client;
  w.client.send(call, {"FIRST"});
  w.redis.pump();
  w.redis.say(":1\r\n");
  w.redis.say(":2\r\n");
  CHECK(call.sum == 3);
}

TEST_CASE("a script that the registry has lost is sent whole") {
  ClientWorld w;
  w.redis.accept();
  const RedisScript script{"return 1", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"};
  Asked call;
  w.client.run(call, script, {"k"}, {"v"});
  w.redis.pump();
  CHECK(w.redis.take_received() == format_command({"EVALSHA", std::string(script.digest), "1", "k", "v"}));
  w.redis.say("-NOSCRIPT No matching script. Please use EVAL.\r\n");
  CHECK(call.replies.empty());
  CHECK(w.redis.take_received() == format_command({"EVAL", "return 1", "1", "k", "v"}));
  w.redis.say(":1\r\n");
  CHECK(call.replies.size() == 1);
}

TEST_CASE("without an answer a call hears that the registry is away, and a silent connection is given up") {
  ClientWorld w;
  w.redis.accept();
  Asked call;
  w.send(call, "A");
  w.world.pass(2999ms);
  CHECK(call.away == 0);
  CHECK(w.redis.connected());
  w.world.pass(1ms);
  CHECK(call.away == 1);
  CHECK_FALSE(w.redis.connected());
  REQUIRE(w.events.away.size() == 1);
  CHECK(w.events.away[0].kind == ErrorKind::timeout);
}

TEST_CASE("a blocking read has its own time") {
  ClientWorld w;
  w.redis.accept();
  Asked call;
  w.client.send(call, {"XREAD"}, 8s);
  w.redis.pump();
  w.world.pass(7s);
  w.redis.say("*-1\r\n");
  CHECK(call.replies.size() == 1);
  CHECK(call.away == 0);
}

TEST_CASE("a command whose connection is lost is sent again on the next, before those that waited") {
  ClientWorld w;
  w.redis.accept();
  Asked a;
  Asked b;
  w.send(a, "A");
  w.redis.close();
  CHECK_FALSE(w.client.is_up());
  w.send(b, "B");
  w.world.pass(200ms);
  w.redis.accept();
  CHECK(w.redis.take_received() == "*1\r\n$1\r\nA\r\n*1\r\n$1\r\nB\r\n");
  w.redis.say(":1\r\n:2\r\n");
  CHECK(a.replies.size() == 1);
  CHECK(b.replies.size() == 1);
  CHECK(w.events.away.size() == 1);
  CHECK(w.events.back == 1);
}

TEST_CASE("a young loss lets a command wait, an old one fails it at once") {
  ClientWorld w;
  w.redis.refuse();
  Asked young;
  w.send(young, "A");
  CHECK(young.away == 0);
  w.world.pass(2s);
  if (w.redis.dialled()) w.redis.refuse();
  w.world.pass(1s);
  CHECK(young.away == 1);

  Asked old;
  w.client.send(old, {"B"});
  CHECK(old.away == 0);  // not from inside send()
  w.redis.pump();
  CHECK(old.away == 1);
  CHECK(w.events.away.size() == 1);
}

TEST_CASE("a registry that serves nothing now is left and asked again, and is not told to be back") {
  for (const char* unready :
       {"-LOADING Redis is loading the dataset in memory\r\n",
        "-READONLY You can't write against a read only replica.\r\n",
        "-ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write\r\n"}) {
    CAPTURE(unready);
    ClientWorld w;
    w.redis.accept();
    Asked call;
    w.send(call, "A");
    for (int i = 0; i < 3; ++i) {
      w.redis.say(unready);
      CHECK_FALSE(w.redis.connected());
      w.world.pass(800ms);
      w.redis.accept();
    }
    CHECK(w.events.away.size() == 1);
    CHECK(w.events.back == 0);
    w.redis.say(":1\r\n");
    CHECK(call.replies.size() == 1);
    CHECK(w.events.back == 1);
  }
}

TEST_CASE("garbage, a reply too large and one that nobody asked for end the connection") {
  for (const char* hostile : {"HTTP/1.1 200 OK\r\n", "$99999999\r\n", "*999999\r\n", ":1\r\n:2\r\n:3\r\n"}) {
    CAPTURE(hostile);
    ClientWorld w;
    w.redis.accept();
    Asked call;
    w.send(call, "A");
    w.redis.say(hostile, 1);
    CHECK_FALSE(w.redis.connected());
    CHECK(w.events.away.size() == 1);
    w.world.pass(200ms);
    w.redis.accept();
    CHECK(w.redis.connected());
  }
}

TEST_CASE("a greeting that is not answered in time is given up") {
  ClientWorld w;
  w.redis.accept(false);
  w.world.pass(3s);
  CHECK_FALSE(w.redis.connected());
  CHECK(w.events.away.size() == 1);
}

TEST_CASE("dials are 0.1 to 3 s apart, at random, and close together again after an answer") {
  ClientWorld w({"", "", 0, 7});
  TimePoint last = w.world.timers.now();
  Duration longest{};
  for (int i = 0; i < 40; ++i) {
    w.redis.refuse();
    while (!w.redis.dialled()) w.world.pass(10ms);
    const Duration gap = w.world.timers.now() - std::exchange(last, w.world.timers.now());
    CHECK(gap >= 100ms);
    CHECK(gap <= 3010ms);
    longest = std::max(longest, gap);
  }
  CHECK(longest > 2s);
  w.redis.accept();
  Asked call;
  w.send(call, "A");
  w.redis.say(":1\r\n");
  w.redis.close();
  w.world.pass(200ms);
  CHECK(w.redis.dialled());
}

TEST_CASE("more commands than the cap fail at once, and the connection stays") {
  ClientWorld w;
  w.redis.accept();
  std::vector<Asked> calls(rules::registry_commands);
  for (Asked& call : calls) w.client.send(call, {"A"});
  Asked beyond;
  w.send(beyond, "B");
  CHECK(beyond.away == 1);
  Asked large;
  ClientWorld other;
  other.redis.accept();
  other.client.send(large, {"SET", std::string(rules::registry_command_bytes, 'x')});
  other.redis.pump();
  CHECK(large.away == 1);
  CHECK(w.redis.connected());
}

TEST_CASE("a client that ends leaves its calls without an answer") {
  Asked sent;
  Asked waiting;
  {
    ClientWorld w;
    w.redis.accept();
    w.send(sent, "A");
    w.client.send(waiting, {"B"});
  }
  CHECK_FALSE(sent.pending());
  CHECK_FALSE(waiting.pending());
  CHECK(sent.away == 0);
}

}  // namespace
}  // namespace tenfold::broker
