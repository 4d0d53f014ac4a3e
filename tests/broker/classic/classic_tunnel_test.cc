// The pool: sockets that come, serve, wait beyond their number, speak out of turn and go.
#include <doctest/doctest.h>

#include "broker/classic/classic_tunnel.h"
#include "broker/rules.h"
#include "public_rig.h"
#include "tunnels/wanting.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;

namespace {

struct Pool final : ClassicTunnel::Owner {
  std::string_view client_ip(const ClassicTunnel&) const override { return "203.0.113.9"; }
  explicit Pool(std::size_t max_conn = 2)
      : tunnel(std::make_shared<ClassicTunnel>(rt.runtime, "myapp", max_conn,
                                               static_cast<ClassicTunnel::Owner&>(*this))) {}
  ~Pool() {
    tunnel = nullptr;
    rt.graveyard.clear();
  }
  Ear& socket() {
    pipes.push_back(std::make_unique<MemoryPipe>(rt.runtime));
    clients.push_back(std::make_unique<Ear>(pipes.back()->take_right()));
    tunnel->add_socket(pipes.back()->take_left());
    turn();
    return *clients.back();
  }
  void turn() {
    for (auto& pipe : pipes) pipe->pump();
    rt.pass(0s);
    for (auto& pipe : pipes) pipe->pump();
  }
  void on_classic_over(ClassicTunnel&, std::string_view why) override {
    over = true;
    cause = why;
  }

  void on_classic_sockets(ClassicTunnel& which) override { sockets = which.sockets(); }

  TestRuntime rt;
  std::size_t sockets = 0;  // as the owner was told last
  bool over = false;
  std::string cause;
  std::vector<std::unique_ptr<MemoryPipe>> pipes;
  std::vector<std::unique_ptr<Ear>> clients;
  std::shared_ptr<ClassicTunnel> tunnel;
};

}  // namespace

TEST_CASE("a visitor waits for a socket, and gets the first that comes") {
  Pool pool;
  Wanting one;
  pool.tunnel->open(one);
  CHECK_FALSE(one.upstream);
  pool.socket();
  CHECK(one.upstream);
  CHECK(pool.tunnel->connected() == 1);
}

TEST_CASE("a socket given back serves the next in line") {
  Pool pool(1);
  pool.socket();
  Wanting one;
  Wanting two;
  pool.tunnel->open(one);
  pool.tunnel->open(two);
  REQUIRE(one.upstream);
  CHECK_FALSE(two.upstream);
  Upstream::give_back(std::move(one.upstream));
  pool.turn();
  REQUIRE(two.upstream);
  CHECK(two.upstream.reused());
}

TEST_CASE("a socket beyond max_conn is parked, not refused, and moves up when a place is free") {
  Pool pool(2);
  Ear& first = pool.socket();
  pool.socket();
  Ear& parked = pool.socket();
  CHECK(pool.tunnel->connected() == 2);
  CHECK_FALSE(parked.closed);
  first.pipe->end();
  pool.turn();
  CHECK(pool.tunnel->connected() == 2);
  CHECK_FALSE(parked.closed);
}

TEST_CASE("beyond those parked, a socket is closed") {
  Pool pool(1);
  pool.socket();
  for (std::size_t i = 0; i < rules::classic_parked; ++i) CHECK_FALSE(pool.socket().closed);
  CHECK(pool.socket().closed);
}

TEST_CASE("a socket that speaks first is discarded, and its words reach nobody") {
  Pool pool;
  Ear& early = pool.socket();
  early.say("HTTP/1.1 408 Request Timeout\r\n\r\n");
  pool.turn();
  CHECK(early.closed);
  CHECK(pool.tunnel->connected() == 0);
  Wanting one;
  pool.tunnel->open(one);
  CHECK_FALSE(one.upstream);
}

TEST_CASE("visitors who wait are bounded in number and in time") {
  Pool pool;
  std::vector<std::unique_ptr<Wanting>> waiting;
  for (std::size_t i = 0; i < rules::waiting_visitors; ++i) {
    waiting.push_back(std::make_unique<Wanting>());
    pool.tunnel->open(*waiting.back());
  }
  Wanting late;
  pool.tunnel->open(late);
  CHECK(late.why.kind == ErrorKind::limit);
  pool.socket();
  CHECK(waiting[0]->upstream);
  waiting[1] = nullptr;  // left by itself
  pool.rt.pass(11s);
  CHECK(waiting[2]->why.kind == ErrorKind::limit);
  CHECK(waiting.back()->why.kind == ErrorKind::limit);
}

TEST_CASE("a pool that nobody claims is over after the claim window") {
  Pool pool;
  pool.rt.pass(4s);
  CHECK_FALSE(pool.over);
  pool.rt.pass(2s);
  CHECK(pool.over);
  CHECK(pool.cause == "unclaimed");
}

TEST_CASE("a pool whose last socket went waits for its client, then is over") {
  Pool pool;
  pool.socket().pipe->end();
  pool.turn();
  CHECK(pool.tunnel->connected() == 0);
  pool.rt.pass(59s);
  CHECK_FALSE(pool.over);
  Ear& back = pool.socket();
  pool.rt.pass(2min);
  CHECK_FALSE(pool.over);
  back.pipe->end();
  pool.turn();
  Wanting one;
  pool.tunnel->open(one);
  pool.rt.pass(61s);
  CHECK(pool.over);
  CHECK(pool.cause == "empty");
  CHECK(one.why.kind == ErrorKind::limit);
  Wanting late;
  pool.tunnel->open(late);
  CHECK(late.why.kind == ErrorKind::closed);
}

TEST_CASE("a request that must not be sent twice prefers a socket that is fresh") {
  Pool pool(2);
  pool.socket();
  Wanting one;
  pool.tunnel->open(one);
  Upstream::give_back(std::move(one.upstream));
  pool.rt.pass(5s);
  pool.socket();
  Wanting unsafe;
  unsafe.wants_fresh = true;
  pool.tunnel->open(unsafe);
  REQUIRE(unsafe.upstream);
  CHECK_FALSE(unsafe.upstream.reused());
  Wanting second;
  second.wants_fresh = true;
  pool.tunnel->open(second);
  CHECK(second.upstream);
}

TEST_CASE("a pool whose name went to another hands on whoever waits, and is over when its last request is") {
  Pool old(1);
  Pool young(2);
  old.socket();
  Wanting runs;
  Wanting waits;
  Wanting asks;
  old.tunnel->open(runs);
  old.tunnel->open(waits);
  REQUIRE(runs.upstream);
  old.tunnel->hand_over(young.tunnel, true);
  CHECK(old.over);
  CHECK(old.cause == "replaced");
  CHECK_FALSE(waits.why);
  old.tunnel->open(asks);
  young.socket();
  young.socket();
  CHECK(waits.upstream);
  CHECK(asks.upstream);
  CHECK_FALSE(old.clients[0]->closed);  // what runs, runs on
  waits.upstream.drop(ErrorKind::cancelled);
  asks.upstream.drop(ErrorKind::cancelled);
  runs.upstream.drop(ErrorKind::cancelled);
}

TEST_CASE("a socket that has served goes before one that never did, so that few connections to the app stand") {
  Pool pool(3);
  pool.socket();
  Wanting one;
  pool.tunnel->open(one);
  Upstream::give_back(std::move(one.upstream));
  pool.socket();
  Wanting two;
  pool.tunnel->open(two);
  REQUIRE(two.upstream);
  CHECK(two.upstream.reused());
}

TEST_CASE("a used socket that the app keeps no longer is discarded, and replaced by the client") {
  Pool pool(1);
  Ear& first = pool.socket();
  Wanting one;
  pool.tunnel->open(one);
  Upstream::give_back(std::move(one.upstream), 4s);
  pool.rt.pass(3s);
  pool.turn();
  CHECK_FALSE(first.closed);
  pool.rt.pass(1s);
  pool.turn();
  CHECK(first.closed);
  CHECK(pool.tunnel->connected() == 0);
}
