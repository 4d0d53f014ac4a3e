// Which replica lives, by what is left of its key and by this process' own clock.
#include "broker/cluster/replica_view.h"

#include <doctest/doctest.h>

namespace tenfold::broker {
namespace {

using State = ReplicaView::State;

struct World {
  void say(Duration left) {
    view.begin_update(now);
    if (left > Duration{}) view.update(ReplicaView::Replica{a, peer}, left);
  }
  State state() const { return view.state_of(a, now); }

  const ReplicaId a{"a", 0xfeed};
  const std::string peer = "a:1";
  TimePoint now = TimePoint{} + 1000s;
  ReplicaView view{ClusterTimes{}};
};

TEST_CASE("a replica lives by a lease, then is dead for as long as names are held, then gone") {
  World w;
  CHECK(w.state() == State::unknown);
  w.say(70s);
  CHECK(w.state() == State::alive);
  CHECK(w.view.living(w.now).size() == 1);
  w.say(60s);
  CHECK(w.state() == State::dead);
  CHECK(w.view.living(w.now).empty());
  w.say(1s);
  CHECK(w.state() == State::dead);
  CHECK(w.view.find(w.a)->peer_address == "a:1");
  CHECK(to_string(w.a) == "a:feed");
}

TEST_CASE("between two updates time is counted down here") {
  World w;
  w.say(62s);
  w.now += 1s;
  CHECK(w.state() == State::alive);
  w.now += 1s;
  CHECK(w.state() == State::dead);
}

TEST_CASE("while the registry is away nobody dies") {
  World w;
  w.say(67s);
  w.now += 24h;
  CHECK(w.state() == State::alive);
}

TEST_CASE("one that is missing from an answer is counted down, not taken for gone") {
  World w;
  w.say(69s);
  w.now += 3s;
  w.say(0s);
  CHECK(w.state() == State::alive);
  w.now += 3s;
  w.say(0s);
  w.now += 3s;
  w.say(0s);
  CHECK(w.state() == State::dead);
  for (int i = 0; i < 21; ++i) {
    w.now += 3s;
    w.say(0s);
  }
  CHECK(w.state() == State::unknown);
  w.view.note_gone(w.a);
  CHECK(w.state() == State::gone);
  w.say(0s);
  CHECK(w.state() == State::unknown);  // it may have come back
}

}  // namespace
}  // namespace tenfold::broker
