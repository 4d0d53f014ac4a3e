// Whatever two links do to each other: thousands of streams at once, cut, paused, credited, ended and reset at
// random, under random windows and random chopping. What arrives is what was sent, in order; and at the end nothing
// is left: no stream, no queued byte, no block, and every window where it was.
//
//   TENFOLD_SEED=123 test_mux -tc="*random*"    runs one seed
#include <doctest/doctest.h>

#include <cstdlib>
#include <random>

#include "base/limits.h"
#include "link_pair.h"

using namespace tenfold;
using namespace tenfold::test;

namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t n) { return n == 0 ? 0 : random() % n; }

// Octet `at` of what one side of a stream sends: known to both sides without being kept.
std::uint8_t octet(std::uint64_t key, std::size_t at) {
  std::uint64_t x = key + at / 8 * 0x9e3779b97f4a7c15ULL;
  x ^= x >> 29;
  x *= 0xbf58476d1ce4e5b9ULL;
  return static_cast<std::uint8_t>(x >> (8 * (at % 8)));
}

struct World;

// One side of one stream: what it means to send, and what it has heard.
struct End final : Duplex::Handler {
  World* world = nullptr;
  std::unique_ptr<LinkStream> pipe;
  std::uint64_t key_out = 0;
  std::uint64_t key_in = 0;
  std::size_t to_send = 0;  // in all
  std::size_t written = 0;
  std::size_t sent = 0;  // on_sent()
  std::size_t received = 0;
  std::size_t credited = 0;
  bool accepted = true;
  bool listening = false;
  bool ended_out = false;
  bool ended_in = false;
  bool cut = false;  // reset here
  bool closed = false;
  ErrorKind why = ErrorKind::none;
  End* other = nullptr;

  bool live() const { return pipe != nullptr && !cut && !closed; }
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t n) override;
  void on_closed(const Error& error) override;
  void write_some();
};

struct World {
  World(Random& r, const LinkOptions& brokers, const LinkOptions& agents) : random(r), pair(brokers, agents) {}

  Random& random;
  LinkPair pair;
  std::vector<std::unique_ptr<End>> near;
  std::vector<std::unique_ptr<End>> far;  // in the order of the opens that arrived
  std::size_t opened = 0;
};

void End::on_data(Bytes bytes) {
  if (!live() || !listening || ended_in) FAIL("data that nobody should hear");
  bool same = true;
  for (std::size_t i = 0; i < bytes.size(); ++i) same &= bytes[i] == octet(key_in, received + i);
  if (!same) FAIL("other bytes than were sent");
  received += bytes.size();
  // Events are where most things happen, so things happen here, too.
  switch (below(world->random, 8)) {
    case 0:
    case 1:
    case 2: {
      const std::size_t n = below(world->random, received - credited + 1);
      credited += n;
      pipe->credit(n);
      break;
    }
    case 3: write_some(); break;
    case 4:
      if (below(world->random, 20) == 0) {
        pipe->set_handler(nullptr);
        listening = false;
      }
      break;
    case 5:
      if (below(world->random, 100) == 0) {
        cut = true;
        pipe->reset(ErrorKind::io);
      }
      break;
    default: break;
  }
}

void End::on_end() {
  if (!live() || !listening || ended_in) FAIL("an end that nobody should hear");
  ended_in = true;
  if (received != other->written) FAIL("an end before all bytes");
  if (!other->ended_out) FAIL("an end that nobody meant");
}

void End::on_sent(std::size_t n) {
  if (!live() || !listening) FAIL("news that nobody should hear");
  sent += n;
  if (sent > written) FAIL("more sent than written");
  if (pipe->queued() != written - sent) FAIL("a queue that is not what it says");
  if (below(world->random, 10) == 0) write_some();
}

void End::on_closed(const Error& error) {
  if (!live() || !listening) FAIL("a close that nobody should hear");
  closed = true;
  why = error.kind;
  if (why == ErrorKind::none && !(ended_in && ended_out && sent == written)) FAIL("a clean end that was none");
  if (why != ErrorKind::none && (other == nullptr || !other->cut)) FAIL("a cut that nobody made");
}

void End::write_some() {
  if (!live() || !accepted || ended_out) return;
  const std::size_t n = std::min(to_send - written, below(world->random, 20'000));
  std::vector<std::uint8_t> bytes(n);
  for (std::size_t i = 0; i < n; ++i) bytes[i] = octet(key_out, written + i);
  written += n;
  // All is taken for later, or dropped by a stream that the other side has cut.
  const std::size_t gone = pipe->write(bytes);
  if (gone != 0 && (gone != n || !other->cut)) FAIL("a live stream takes all for later");
  sent += gone;
  if (written < to_send) return;
  ended_out = true;
  pipe->end();
}

void open_one(World& world) {
  auto near = std::make_unique<End>();
  near->world = &world;
  near->key_out = world.random();
  near->key_in = world.random();
  // Most are small, some are longer than any window.
  const std::size_t longest = below(world.random, 20) == 0 ? 400'000 : 3'000;
  near->to_send = below(world.random, longest);
  Result<std::unique_ptr<LinkStream>> stream =
      world.pair.broker.link->open_stream({std::to_string(world.near.size()) + ".", {}});
  REQUIRE(stream);
  near->pipe = std::move(*stream);
  near->pipe->set_handler(near.get());
  near->listening = true;
  world.near.push_back(std::move(near));
}

void hear_opens(World& world) {
  world.pair.agent.accepts = false;
  world.pair.agent.on_stream = [&world](HeardStream& heard) {
    auto far = std::make_unique<End>();
    End& near = *world.near[std::stoul(std::string(heard.pipe->name()))];
    far->world = &world;
    far->pipe = std::move(heard.pipe);
    far->key_out = near.key_in;
    far->key_in = near.key_out;
    far->to_send = below(world.random, near.to_send + 1000);
    far->other = &near;
    near.other = far.get();
    far->accepted = false;
    world.far.push_back(std::move(far));
    world.pair.agent.streams.clear();
  };
}

// Something happens to some stream.
void act(World& world, End& end, bool gently) {
  if (!end.live()) return;
  switch (below(world.random, gently ? 6 : 40)) {
    case 0:
    case 1:
      if (!end.accepted) {
        end.accepted = true;
        end.pipe->accept();
      }
      return end.write_some();
    case 2:
    case 3: {
      const std::size_t n = gently ? end.received - end.credited : below(world.random, end.received - end.credited + 1);
      end.credited += n;
      return end.pipe->credit(n);
    }
    case 4:
    case 5: end.listening = true; return end.pipe->set_handler(&end);
    case 6: end.listening = false; return end.pipe->set_handler(nullptr);
    case 7:
      if (below(world.random, 4) != 0) return;
      end.cut = true;
      if (below(world.random, 2) == 0) return end.pipe->reset(ErrorKind::cancelled);
      return end.pipe.reset();
    default: return;
  }
}

void run(std::uint64_t seed) {
  CAPTURE(seed);
  Random random(seed);
  const auto options = [&random] {
    LinkOptions o;
    o.stream_window = static_cast<std::uint32_t>(std::size_t{1} << (8 + below(random, 12)));
    o.stream_window_most = o.stream_window << below(random, 4);
    o.link_window = static_cast<std::uint32_t>(65'535 + below(random, 300'000));
    o.max_streams = 2000;
    return o;
  };
  const LinkOptions brokers = options();
  const LinkOptions agents = options();
  World world(random, brokers, agents);
  LinkPair& pair = world.pair;
  hear_opens(world);
  pair.pump();
  const std::size_t streams = 300 + below(random, 1200);
  const std::size_t chop = std::size_t{1} << below(random, 15);

  const auto carry = [&random, chop](Link& from, Link& to) {
    const std::size_t room = limits::flush_small << below(random, 4);
    for (std::size_t rooms = 1 + below(random, 4); rooms != 0; --rooms) {
      const std::string some = take_output(from, room);
      for (Bytes left = to_bytes(some); !left.empty();) {
        const Bytes part = left.first(std::min(left.size(), 1 + below(random, chop)));
        left = left.subspan(part.size());
        to.receive(std::vector<std::uint8_t>(part.begin(), part.end()));
      }
    }
  };
  const auto some = [&random](std::vector<std::unique_ptr<End>>& ends) -> End* {
    return ends.empty() ? nullptr : ends[below(random, ends.size())].get();
  };

  while (world.near.size() < streams) {
    for (std::size_t n = below(random, 60); n != 0 && world.near.size() < streams; --n) open_one(world);
    for (std::size_t n = 0; n < 200; ++n) {
      if (End* end = some(world.near)) act(world, *end, false);
      if (End* end = some(world.far)) act(world, *end, false);
    }
    carry(*pair.broker.link, *pair.agent.link);
    carry(*pair.agent.link, *pair.broker.link);
    pair.rt.pass(below(random, 2) == 0 ? Duration::zero() : 3ms);
    REQUIRE_FALSE(pair.broker.closed);
    REQUIRE_FALSE(pair.agent.closed);
  }
  // From here on everybody reads, credits and finishes.
  for (int round = 0;; ++round) {
    REQUIRE(round < 20'000);
    bool busy = false;
    for (auto* ends : {&world.near, &world.far}) {
      for (std::size_t i = 0; i < ends->size(); ++i) {
        End& end = *(*ends)[i];
        for (int n = 0; n < 4; ++n) act(world, end, true);
        busy |= end.live();
      }
    }
    pair.pump(1 + below(random, 50'000));
    if (!busy) break;
  }

  // A stream that was cut before its HEADERS left is all that the agent has not heard of.
  std::size_t clean = 0;
  for (const auto& end : world.near) {
    if (end->other == nullptr) CHECK(end->cut);
    clean += end->closed && end->why == ErrorKind::none;
  }
  CHECK(clean > streams / 4);
  pair.pump();
  const LinkStats broker = pair.broker.link->stats();
  const LinkStats agent = pair.agent.link->stats();
  CHECK_FALSE(pair.broker.closed);
  CHECK_FALSE(pair.agent.closed);
  CHECK(broker.streams == 0);
  CHECK(agent.streams == 0);
  CHECK(broker.bytes_queued == 0);
  CHECK(agent.bytes_queued == 0);
  CHECK(broker.bytes_held == 0);
  CHECK(agent.bytes_held == 0);
  CHECK(broker.send_window + agent.unreturned == static_cast<std::int32_t>(agents.link_window));
  CHECK(agent.send_window + broker.unreturned == static_cast<std::int32_t>(brokers.link_window));
  CHECK(agent.unreturned <= static_cast<std::int32_t>(agents.link_window / 2));
  CHECK(broker.unreturned <= static_cast<std::int32_t>(brokers.link_window / 2));
  CHECK_FALSE(pair.broker.link->want_output());
  CHECK_FALSE(pair.agent.link->want_output());
  CHECK(pair.rt.blocks.blocks_in_use() == 0);
}

}  // namespace

TEST_CASE("random streams arrive whole, and leave nothing behind") {
  if (const char* given = std::getenv("TENFOLD_SEED")) return run(std::strtoull(given, nullptr, 10));
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) run(seed);
  const std::uint64_t fresh = std::random_device{}();
  MESSAGE("TENFOLD_SEED=" << fresh);
  run(fresh);
}
