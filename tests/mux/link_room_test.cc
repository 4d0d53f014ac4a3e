// When a link that was full has a place again.
#include "link_target.h"

using namespace tenfold;
using namespace tenfold::test;

namespace {

constexpr std::uint16_t max_concurrent_streams = 3;  // RFC 9113 6.5.2

}  // namespace

TEST_CASE("a link that had no place says in a later turn that there is one, once, and only when it was asked") {
  LinkOptions options;
  options.max_streams = 2;
  LinkPair pair(options);
  pair.pump();
  CHECK(pair.broker.link->most_streams() == 2);
  auto one = pair.broker.open();
  auto two = pair.broker.open();
  pair.pump();
  two = nullptr;
  pair.pump();
  CHECK(pair.broker.rooms == 0);  // no call failed

  two = pair.broker.open();
  for (int i = 0; i < 3; ++i) CHECK_FALSE(pair.broker.link->open_stream({"x", {}}));
  pair.pump();
  CHECK(pair.broker.rooms == 0);
  one->pipe->reset(ErrorKind::cancelled);
  CHECK(pair.broker.rooms == 0);
  pair.rt.pass(Duration::zero());
  CHECK(pair.broker.rooms == 1);
  two->pipe->reset(ErrorKind::cancelled);
  pair.pump();
  pair.rt.pass(1s);
  CHECK(pair.broker.rooms == 1);
}

TEST_CASE(
    "a link does not say that there is a place when that has been taken, and says it when the peer ends a stream") {
  LinkOptions options;
  options.max_streams = 1;
  LinkPair pair(options);
  pair.pump();
  auto one = pair.broker.open();
  CHECK_FALSE(pair.broker.link->open_stream({"x", {}}));
  one->pipe->reset(ErrorKind::cancelled);
  one = pair.broker.open();
  pair.pump();
  CHECK(pair.broker.rooms == 0);
  pair.agent.streams.back()->pipe->reset(ErrorKind::cancelled);
  pair.pump();
  CHECK(one->closed);
  CHECK(pair.broker.rooms == 1);
}

TEST_CASE("a peer that allows more streams makes room, and one that allows fewer does not") {
  const auto most = [](std::uint32_t n) {
    return raw::frame(raw::settings, 0, 0, raw::setting(max_concurrent_streams, n));
  };
  Target target(broker);
  target.feed(most(2));
  const auto one = target.end.open();
  CHECK_FALSE(target.end.link->open_stream({"x", {}}));
  target.feed(most(1));
  target.take();
  CHECK(target.end.rooms == 0);
  target.feed(most(3));
  CHECK(target.end.rooms == 0);
  target.take();
  CHECK(target.end.rooms == 1);
  target.feed(most(4));
  target.take();
  CHECK(target.end.rooms == 1);
}
