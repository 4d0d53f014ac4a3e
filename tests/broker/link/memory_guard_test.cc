// What the process keeps for slow readers: who has to give way, and when all is as before.
#include "broker/link/memory_guard.h"

#include <doctest/doctest.h>

#include <deque>
#include <string>
#include <vector>

#include "base/limits.h"
#include "support/test_runtime.h"

using namespace tenfold;
using namespace tenfold::broker;
using tenfold::test::TestRuntime;

namespace {

constexpr std::size_t most_blocks = 100;
constexpr std::size_t block_bytes = sizeof(BlockPool::Block::data);

// A process with room for so many blocks, and readers who stand, each with what it holds.
struct Held final : private MemoryGuard::Owner {
  struct Reader {
    TimePoint since;
    ByteQueue kept;
  };

  void on_memory(bool is_short) override { events.push_back(is_short); }
  TimePoint standing_since() const override { return readers.empty() ? never : readers.front().since; }
  void evict_first() override {
    readers.pop_front();
    ++evicted;
  }

  void stand(std::size_t blocks) {
    readers.push_back({rt.timers.now(), ByteQueue(rt.blocks)});
    readers.back().kept.append(to_bytes(std::string(blocks * block_bytes, 'x')));
  }
  void add(std::size_t bytes) { other.append(to_bytes(std::string(bytes, 'x'))); }
  void turn() { rt.pass(Duration::zero()); }

  TestRuntime rt;
  ByteQueue other{rt.blocks};  // of no reader who stands
  std::deque<Reader> readers;  // the longest first
  std::vector<bool> events;
  int evicted = 0;
  MemoryGuard guard{rt.runtime, static_cast<MemoryGuard::Owner&>(*this), most_blocks * sizeof(BlockPool::Block)};
};

}  // namespace

TEST_CASE("at the limit nothing happens; a byte beyond it links are squeezed, in a later turn") {
  Held held;
  held.add(most_blocks * block_bytes);
  held.turn();
  CHECK(held.events.empty());
  CHECK_FALSE(held.guard.is_short());
  held.add(1);
  CHECK(held.events.empty());
  held.turn();
  CHECK(held.events == std::vector<bool>{true});
  CHECK(held.guard.is_short());
  held.add(20 * block_bytes);
  held.turn();
  CHECK(held.events == std::vector<bool>{true});
}

TEST_CASE("links are as they were when three quarters of the limit are left, and not before") {
  Held held;
  held.add((most_blocks + 1) * block_bytes);
  held.turn();
  held.other.consume(25 * block_bytes);
  held.turn();
  CHECK(held.rt.blocks.blocks_in_use() == 76);
  CHECK(held.guard.is_short());
  held.other.consume(1 * block_bytes);
  held.turn();
  CHECK(held.events == std::vector<bool>{true, false});
  CHECK_FALSE(held.guard.is_short());
  CHECK(held.rt.timers.size() == 0);
}

TEST_CASE("beyond the limit the one goes who has stood longest, once he has had his time, and no more than needed") {
  Held held;
  held.stand(40);
  held.rt.pass(1s);
  held.stand(60);
  held.turn();
  held.rt.pass(10 * limits::reader_stands);
  CHECK(held.evicted == 0);  // at the limit
  held.add(1);
  held.turn();
  CHECK(held.evicted == 1);
  CHECK(held.readers.front().kept.size() == 60 * block_bytes);
  held.rt.pass(10 * limits::reader_stands);
  CHECK(held.evicted == 1);
}

TEST_CASE("who has only just stopped reading is not cut before his time, and not at all if memory is enough by then") {
  for (const bool enough : {false, true}) {
    CAPTURE(enough);
    Held held;
    held.stand(10);
    held.add(91 * block_bytes);
    held.rt.pass(limits::reader_stands - 1ms);
    CHECK(held.evicted == 0);
    CHECK(held.guard.is_short());
    if (enough) held.other.consume(block_bytes);
    held.rt.pass(1ms);
    CHECK(held.evicted == (enough ? 0 : 1));
  }
}

TEST_CASE("one after the other goes as long as too much is kept") {
  Held held;
  for (int i = 0; i < 10; ++i) held.stand(1);
  held.rt.pass(limits::reader_stands);
  held.add((most_blocks - 7) * block_bytes);
  held.turn();
  CHECK(held.evicted == 1);
  held.rt.pass(1s);
  CHECK(held.evicted == 3);
  CHECK(held.readers.size() == 7);
}
