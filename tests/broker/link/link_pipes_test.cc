// The tunnels of one link share its streams: who keeps idle ones, who waits, and who is served next.
#include "broker/link/link_pipes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <list>
#include <vector>

#include "../../http2/raw_frames.h"
#include "../../mux/link_pair.h"
#include "broker/link/link_tunnel.h"
#include "tunnels/wanting.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;
using tenfold::test::LinkPair;

namespace {

// One link, and the tunnels "a", "b" and "c" on it.
struct Shared {
  explicit Shared(std::uint32_t streams) : pair(options(streams)) {
    pair.broker.on_room = [this] { pipes.serve(); };
    a = std::make_shared<LinkTunnel>(pair.rt.runtime, "a", pipes);
    b = std::make_shared<LinkTunnel>(pair.rt.runtime, "b", pipes);
    c = std::make_shared<LinkTunnel>(pair.rt.runtime, "c", pipes);
    pair.pump();
  }
  ~Shared() {
    wanting.clear();
    a = b = c = nullptr;
    pair.rt.graveyard.clear();
  }
  static LinkOptions options(std::uint32_t streams) {
    LinkOptions made;
    made.max_streams = streams;
    return made;
  }

  Wanting& open(const std::shared_ptr<LinkTunnel>& tunnel) {
    Wanting& one = wanting.emplace_back();
    tunnel->open(one);
    return one;
  }
  // `n` pipes at once, so that none serves two of them; then all are kept.
  void keep_idle(const std::shared_ptr<LinkTunnel>& tunnel, int n) {
    std::vector<Wanting*> opened;
    for (int i = 0; i < n; ++i) opened.push_back(&open(tunnel));
    pair.pump();
    for (Wanting* one : opened) {
      REQUIRE(one->upstream);
      Upstream::give_back(std::move(one->upstream));
    }
  }
  std::size_t streams() const { return pair.broker.link->stats().streams; }

  LinkPair pair;
  LinkPipes pipes{pair.rt.runtime, *pair.broker.link};
  std::shared_ptr<LinkTunnel> a, b, c;
  std::list<Wanting> wanting;
};

}  // namespace

TEST_CASE("half of a link's streams may stand idle, and beyond that the least recently used of any tunnel is closed") {
  Shared link(8);
  link.keep_idle(link.a, 2);
  link.keep_idle(link.b, 2);
  CHECK(link.streams() == 4);
  link.keep_idle(link.c, 1);
  CHECK(link.streams() == 4);
  CHECK(link.a->connected() == 1);
  CHECK(link.b->connected() == 2);
  CHECK(link.c->connected() == 1);
  // What is used now is no longer the oldest.
  Upstream::give_back(std::move(link.open(link.a).upstream));
  link.keep_idle(link.c, 2);
  CHECK(link.a->connected() == 1);
  CHECK(link.b->connected() == 1);
  CHECK(link.c->connected() == 2);
}

TEST_CASE("a tunnel that needs a stream of a full link gets the place of its least recently used idle one") {
  Shared link(4);
  link.keep_idle(link.b, 1);
  link.keep_idle(link.a, 1);
  for (int i = 0; i < 2; ++i) REQUIRE(link.open(link.c).upstream);
  CHECK(link.b->connected() == 1);
  Wanting& third = link.open(link.c);
  REQUIRE(third.upstream);
  CHECK_FALSE(third.upstream.reused());
  CHECK(link.b->connected() == 0);
  CHECK(link.a->connected() == 1);
  REQUIRE(link.open(link.c).upstream);
  CHECK(link.a->connected() == 0);
  CHECK_FALSE(link.open(link.c).upstream);
  link.pair.pump();
  CHECK(link.pair.agent.link->stats().streams == 4);
}

TEST_CASE("a stream that one tunnel gives up is had by a visitor of another, in the turn after") {
  Shared link(1);
  Wanting& one = link.open(link.a);
  Wanting& two = link.open(link.b);
  link.pair.pump();
  CHECK_FALSE(two.upstream);
  SUBCASE("by a cut") { one.upstream.drop(ErrorKind::cancelled); }
  SUBCASE("clean, so that it would be kept") { Upstream::give_back(std::move(one.upstream)); }
  SUBCASE("while its pipe lives on") {
    const std::unique_ptr<Duplex> pipe = one.upstream.take_pipe();
    one.upstream.drop(ErrorKind::cancelled);
    link.pair.rt.pass(1s);
    CHECK_FALSE(two.upstream);
  }
  SUBCASE("with its tunnel") {
    Upstream::give_back(std::move(one.upstream));
    link.a->detach();
  }
  CHECK_FALSE(two.upstream);
  link.pair.rt.pass(Duration::zero());
  REQUIRE(two.upstream);
  CHECK_FALSE(two.upstream.reused());
}

TEST_CASE("nothing runs while visitors wait but the deadlines that they have") {
  Shared link(1);
  Wanting& one = link.open(link.a);
  link.pair.pump();
  const std::size_t before = link.pair.rt.timers.size();
  Wanting& two = link.open(link.b);
  link.pair.rt.pass(Duration::zero());
  CHECK(link.pair.rt.timers.size() == before + 1);
  link.pair.rt.pass(limits::waiting_time - 1ms);
  CHECK_FALSE(two.why);
  link.pair.rt.pass(1ms);
  CHECK(two.why.kind == ErrorKind::limit);
  one.upstream.drop(ErrorKind::cancelled);
  link.pair.pump();
  CHECK(link.open(link.c).upstream);
}

TEST_CASE("tunnels whose visitors wait are served in turn, and the visitors of each as they came") {
  Shared link(6);
  std::vector<Wanting*> held;
  for (int i = 0; i < 6; ++i) held.push_back(&link.open(i < 2 ? link.a : i < 4 ? link.b : link.c));
  Wanting& a1 = link.open(link.a);
  Wanting& a2 = link.open(link.a);
  Wanting& b1 = link.open(link.b);
  Wanting& a3 = link.open(link.a);
  Wanting& c1 = link.open(link.c);
  link.pair.pump();
  std::vector<Wanting*> order;
  for (Wanting* gone : {held[4], held[0], held[2], held[1], held[5]}) {
    gone->upstream.drop(ErrorKind::cancelled);
    link.pair.pump();
    for (Wanting* each : {&a1, &a2, &a3, &b1, &c1}) {
      if (each->upstream && std::find(order.begin(), order.end(), each) == order.end()) order.push_back(each);
    }
  }
  CHECK(order == std::vector<Wanting*>{&a1, &b1, &c1, &a2, &a3});
}

TEST_CASE("while another tunnel waits, one has half of the streams and no more; alone it may have all") {
  Shared link(4);
  std::vector<Wanting*> held;
  for (int i = 0; i < 4; ++i) held.push_back(&link.open(link.a));
  REQUIRE(held.back()->upstream);  // no other tunnel wanted one
  Wanting& more = link.open(link.a);
  Wanting& other = link.open(link.b);
  Wanting& another = link.open(link.b);
  Wanting& last = link.open(link.b);
  const auto drop = [&](int i) {
    held[static_cast<std::size_t>(i)]->upstream.drop(ErrorKind::cancelled);
    link.pair.pump();
  };
  drop(0);
  CHECK(other.upstream);
  CHECK_FALSE(more.upstream);
  // It has half now, and the other one has less.
  drop(1);
  CHECK(another.upstream);
  CHECK_FALSE(more.upstream);
  // Both have half: what the first gives up is its own.
  drop(2);
  CHECK(more.upstream);
  CHECK_FALSE(last.upstream);
  // No other tunnel waits now: beyond half.
  drop(3);
  CHECK(last.upstream);
}

TEST_CASE("who comes while others wait stands behind them, though a pipe of his own tunnel has just come back") {
  Shared link(2);
  Wanting& one = link.open(link.a);
  link.open(link.a);
  Wanting& two = link.open(link.b);
  link.pair.pump();
  Upstream::give_back(std::move(one.upstream));
  Wanting& three = link.open(link.a);
  CHECK_FALSE(three.upstream);
  link.pair.pump();
  CHECK(two.upstream);
  CHECK_FALSE(three.upstream);
}

TEST_CASE("a visitor who gave up holds up no other") {
  Shared link(1);
  Wanting& one = link.open(link.a);
  {
    Wanting gone;
    link.b->open(gone);
    link.pair.pump();
  }
  Upstream::give_back(std::move(one.upstream));
  link.pair.pump();
  CHECK(link.a->connected() == 1);
  Wanting& two = link.open(link.a);
  REQUIRE(two.upstream);
  CHECK(two.upstream.reused());
}

TEST_CASE("the one who has stood longest on a link makes room for a visitor of any of its tunnels") {
  Shared link(2);
  Wanting& early = link.open(link.a);
  Wanting& late = link.open(link.b);
  early.upstream.note_reader(early, true);
  link.pair.rt.pass(1s);
  late.upstream.note_reader(late, true);
  link.pair.rt.pass(limits::reader_stands);
  CHECK_FALSE(early.evicted);
  Wanting& waits = link.open(link.c);
  link.pair.pump();
  CHECK(early.evicted);
  CHECK_FALSE(late.evicted);
  early.upstream.drop(ErrorKind::cancelled);
  link.pair.pump();
  CHECK(waits.upstream);
  link.pair.rt.pass(1s);
  CHECK_FALSE(late.evicted);
  // Each who waits costs one, at once: both have stood long enough.
  Wanting& next = link.open(link.c);
  link.pair.pump();
  CHECK(late.evicted);
  late.upstream.drop(ErrorKind::cancelled);
  link.pair.pump();
  CHECK(next.upstream);
}

TEST_CASE("a tunnel that leaves takes its waiting visitors along, and its streams' places go to the others") {
  Shared link(2);
  Wanting& one = link.open(link.a);
  link.open(link.a);
  Wanting& two = link.open(link.a);
  Wanting& three = link.open(link.b);
  link.a->detach();
  CHECK(two.why.kind == ErrorKind::closed);
  link.pair.pump();
  CHECK_FALSE(three.upstream);
  Upstream::give_back(std::move(one.upstream));
  link.pair.pump();
  CHECK(three.upstream);
}

TEST_CASE("a peer that allows more streams lets those in who wait") {
  namespace raw = tenfold::test::raw;
  constexpr std::uint16_t max_concurrent_streams = 3;  // RFC 9113 6.5.2
  Shared link(4);
  const auto allow = [&](std::uint32_t n) {
    link.pair.broker.link->receive(
        to_bytes(raw::frame(raw::settings, 0, 0, raw::setting(max_concurrent_streams, n + 1))));
  };
  allow(1);
  link.open(link.a);
  Wanting& two = link.open(link.b);
  link.pair.rt.pass(Duration::zero());
  CHECK_FALSE(two.upstream);
  allow(2);
  link.pair.rt.pass(Duration::zero());
  CHECK(two.upstream);
}

TEST_CASE("a link whose ids are used up turns visitors away at once, as one that is gone") {
  LinkOptions options;
  options.last_stream_id = 3;
  LinkPair pair(options);
  LinkPipes pipes(pair.rt.runtime, *pair.broker.link);
  const auto tunnel = std::make_shared<LinkTunnel>(pair.rt.runtime, "a", pipes);
  pair.pump();
  Wanting one, two;
  tunnel->open(one);
  tunnel->open(two);
  CHECK(one.upstream);
  CHECK(two.why.kind == ErrorKind::closed);
  CHECK(two.why.origin == Origin::agent);
  one.upstream.drop(ErrorKind::cancelled);
  pair.rt.graveyard.clear();
}

TEST_CASE("the one who has stood longest on a link can be cut while no visitor waits") {
  Shared link(4);
  CHECK(link.pipes.standing_since() == never);
  Wanting& late = link.open(link.a);
  Wanting& early = link.open(link.b);
  early.upstream.note_reader(early, true);
  const TimePoint first = link.pair.rt.timers.now();
  link.pair.rt.pass(1s);
  late.upstream.note_reader(late, true);
  CHECK(link.pipes.standing_since() == first);
  link.pipes.evict_first();
  CHECK(early.evicted);
  CHECK_FALSE(late.evicted);
  CHECK(link.pipes.standing_since() == first + 1s);
}
