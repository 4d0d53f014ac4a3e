// A tunnel over a link: streams opened, kept, handed to whoever waits, and gone with the link.
#include <doctest/doctest.h>

#include "../../mux/link_pair.h"
#include "broker/link/link_tunnel.h"
#include "tunnels/wanting.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;
using tenfold::test::LinkPair;

namespace {

struct Linked {
  explicit Linked(std::uint32_t max_streams = 100) : pair(options(max_streams)) {
    pair.broker.on_room = [this] { pipes.serve(); };
    tunnel = std::make_shared<LinkTunnel>(pair.rt.runtime, "myapp", pipes);
    pair.pump();
  }
  ~Linked() {
    tunnel->detach();  // another one that handed over to it may hold it still
    tunnel = nullptr;
    pair.rt.graveyard.clear();
  }
  static LinkOptions options(std::uint32_t max_streams) {
    LinkOptions made;
    made.max_streams = max_streams;
    return made;
  }
  void turn() { pair.pump(); }

  LinkPair pair;
  LinkPipes pipes{pair.rt.runtime, *pair.broker.link};
  std::shared_ptr<LinkTunnel> tunnel;
};

}  // namespace

TEST_CASE("each visitor gets a stream that names the tunnel and the visitor") {
  Linked linked;
  Wanting one;
  linked.tunnel->open(one);
  REQUIRE(one.upstream);
  CHECK_FALSE(one.upstream.reused());
  linked.pair.pump();
  REQUIRE(linked.pair.agent.streams.size() == 1);
  CHECK(linked.pair.agent.streams[0]->pipe->name() == "myapp");
  CHECK(linked.pair.agent.streams[0]->pipe->peer() == "203.0.113.9:1");
  CHECK(linked.tunnel->connected() == 1);
}

TEST_CASE("a stream that was given back serves the next visitor") {
  Linked linked;
  Wanting one;
  linked.tunnel->open(one);
  linked.pair.pump();
  Upstream::give_back(std::move(one.upstream));
  Wanting two;
  linked.tunnel->open(two);
  linked.pair.pump();
  CHECK(two.upstream.reused());
  CHECK(linked.pair.agent.streams.size() == 1);
}

TEST_CASE("an idle stream is closed after its time, and at once when the app ends or speaks") {
  for (int how = 0; how < 3; ++how) {
    CAPTURE(how);
    Linked linked;
    Wanting one;
    linked.tunnel->open(one);
    linked.pair.pump();
    auto& far = *linked.pair.agent.streams.at(0);
    Upstream::give_back(std::move(one.upstream));
    CHECK(linked.tunnel->connected() == 1);
    if (how == 0) {
      for (int i = 0; i < 31; ++i) {
        linked.pair.rt.pass(1s);
        linked.pair.pump();
      }
    }
    if (how == 1) far.pipe->end();
    if (how == 2) far.pipe->write(to_bytes("HTTP/1.1 408 Request Timeout\r\n\r\n"));
    linked.turn();
    CHECK(linked.tunnel->connected() == 0);
    CHECK(linked.pair.broker.link->stats().streams == 0);
  }
}

TEST_CASE("on a full link a visitor waits and gets the stream that comes free") {
  Linked linked(1);
  Wanting one;
  Wanting two;
  linked.tunnel->open(one);
  linked.tunnel->open(two);
  REQUIRE(one.upstream);
  CHECK_FALSE(two.upstream);
  linked.turn();
  Upstream::give_back(std::move(one.upstream));
  linked.turn();
  REQUIRE(two.upstream);
  CHECK(two.upstream.reused());
  Wanting three;
  linked.tunnel->open(three);
  two.upstream.drop(ErrorKind::cancelled);
  linked.turn();
  REQUIRE(three.upstream);
  CHECK_FALSE(three.upstream.reused());
}

TEST_CASE("a request that wants a fresh stream gets one though all are kept idle") {
  for (const Duration since : {Duration::zero(), Duration(1s)}) {
    Linked linked(1);
    Wanting one;
    linked.tunnel->open(one);
    linked.turn();
    Upstream::give_back(std::move(one.upstream));
    Wanting fresh;
    fresh.wants_fresh = true;
    linked.pair.rt.pass(since);
    linked.tunnel->open(fresh);
    linked.turn();
    REQUIRE(fresh.upstream);
    CHECK_FALSE(fresh.upstream.reused());
  }
}

TEST_CASE("when the link goes, whoever waits is told and whoever has a stream hears it") {
  Linked linked(1);
  Wanting one;
  Wanting two;
  linked.tunnel->open(one);
  linked.tunnel->open(two);
  linked.tunnel->detach();
  CHECK(two.why.kind == ErrorKind::closed);
  Wanting three;
  linked.tunnel->open(three);
  CHECK(three.why.kind == ErrorKind::closed);
  Upstream::give_back(std::move(one.upstream));
  CHECK(linked.tunnel->connected() == 0);
}

TEST_CASE("a tunnel that lost its name hands on whoever waits, and whoever asks it again") {
  Linked old(1);
  Linked young;
  Wanting one, two, three, retrying;
  for (Wanting* wanting : {&one, &two, &three}) old.tunnel->open(*wanting);
  REQUIRE(one.upstream);
  CHECK_FALSE(two.upstream);
  CHECK(old.tunnel->has_agent());
  old.tunnel->hand_over(young.tunnel, true);
  CHECK(two.upstream);
  CHECK(three.upstream);
  old.tunnel->open(retrying);
  CHECK(retrying.upstream);
  young.pair.pump();
  CHECK(young.pair.agent.streams.size() == 3);
  // Nobody comes to the old one for a kept stream any more.
  Upstream::give_back(std::move(one.upstream));
  CHECK(old.tunnel->connected() == 0);
  for (Wanting* wanting : {&two, &three, &retrying}) wanting->upstream.drop(ErrorKind::cancelled);
  CHECK(young.tunnel->connected() == 0);
  old.tunnel->detach();
  CHECK_FALSE(old.tunnel->has_agent());
}

TEST_CASE("a link that goes with many idle streams tells none of them twice") {
  Linked linked;
  std::vector<std::unique_ptr<Wanting>> wanting;
  for (int i = 0; i < 20; ++i) {
    wanting.push_back(std::make_unique<Wanting>());
    linked.tunnel->open(*wanting.back());
  }
  linked.pair.pump();
  for (auto& one : wanting) Upstream::give_back(std::move(one->upstream));
  CHECK(linked.tunnel->connected() == 20);
  linked.tunnel->detach();
  linked.pair.broker.link->end_of_input({ErrorKind::closed, "cut"});
  CHECK(linked.tunnel->connected() == 0);
}
