// ByteQueue: what goes in comes out, in order, whatever the cuts; and what it holds goes back.
#include "base/byte_queue.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace tenfold {
namespace {

std::string content(const ByteQueue& queue) {
  std::string out(queue.size(), '\0');
  const std::size_t n = queue.peek({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  REQUIRE(n == out.size());
  return out;
}

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i * 7 + i / 251);
  return out;
}

constexpr std::size_t payload = sizeof(BlockPool::Block::data);

}  // namespace

TEST_CASE("an empty byte queue holds no block") {
  BlockPool pool;
  ByteQueue queue(pool);
  CHECK(queue.empty());
  CHECK(queue.front().empty());
  queue.append({});
  CHECK(pool.blocks_in_use() == 0);
  queue.append(to_bytes("hello"));
  CHECK(pool.blocks_in_use() == 1);
  queue.consume(5);
  CHECK(pool.blocks_in_use() == 0);
  CHECK(queue.front().empty());
}

TEST_CASE("bytes cross the borders of blocks unchanged") {
  BlockPool pool;
  ByteQueue queue(pool);
  for (const std::size_t size : {payload - 1, payload, payload + 1, 3 * payload + 17}) {
    CAPTURE(size);
    const std::string bytes = pattern(size);
    queue.append(to_bytes(bytes));
    CHECK(queue.size() == size);
    CHECK(content(queue) == bytes);
    queue.consume(size - 1);
    CHECK(to_text(queue.front()) == bytes.substr(size - 1));
    queue.clear();
    CHECK(pool.blocks_in_use() == 0);
  }
}

TEST_CASE("the runs are the content, cut at the blocks") {
  BlockPool pool;
  ByteQueue queue(pool);
  const std::string bytes = pattern(2 * payload + 100);
  queue.append(to_bytes(bytes));
  queue.consume(10);
  Bytes runs[4];
  REQUIRE(queue.runs(runs, 4) == 3);
  CHECK(runs[0].size() == payload - 10);
  std::string joined;
  for (int i = 0; i < 3; ++i) joined += to_text(runs[i]);
  CHECK(joined == bytes.substr(10));
  CHECK(queue.runs(runs, 2) == 2);
}

TEST_CASE("room at the tail takes what is committed and no more") {
  BlockPool pool;
  ByteQueue queue(pool);
  queue.append(to_bytes("ab"));
  const MutableBytes room = queue.tail_room();
  REQUIRE(room.size() == payload - 2);
  room[0] = 'c';
  room[1] = 'x';
  queue.commit(1);
  queue.append(to_bytes("d"));
  CHECK(content(queue) == "abcd");
}

TEST_CASE("room that is asked for and not used does not stand in the way") {
  BlockPool pool;
  {
    ByteQueue queue(pool);
    static_cast<void>(queue.tail_room());
    queue.commit(0);
    CHECK(queue.empty());
    CHECK(queue.front().empty());
    Bytes run;
    CHECK(queue.runs(&run, 1) == 0);
    queue.append(to_bytes("a"));
    CHECK(content(queue) == "a");
    queue.clear();
    static_cast<void>(queue.tail_room());
    queue.commit(0);
  }
  CHECK(pool.blocks_in_use() == 0);
}

TEST_CASE("a moved queue leaves nothing behind") {
  BlockPool pool;
  ByteQueue a(pool);
  a.append(to_bytes("one"));
  ByteQueue b(std::move(a));
  CHECK(a.empty());  // NOLINT(bugprone-use-after-move): what this test is about
  CHECK(content(b) == "one");
  a.append(to_bytes("two"));
  b = std::move(a);
  CHECK(content(b) == "two");
  CHECK(pool.blocks_in_use() == 1);
}

TEST_CASE("the pool keeps what the traffic of late took at its height, and gives the rest back") {
  BlockPool pool;
  std::vector<BlockPool::Block*> taken;
  for (int i = 0; i < 4; ++i) taken.push_back(pool.take());
  CHECK(pool.blocks_in_use() == 4);
  CHECK(pool.drop_unused() == 0);
  for (BlockPool::Block* block : taken) pool.give(block);
  CHECK(pool.blocks_in_use() == 0);
  CHECK(pool.spare_blocks() == 4);
  CHECK(pool.drop_unused() == 0);  // all were in use a moment ago
  // The one given back last comes first: a stack, warm in the cache.
  CHECK(pool.take() == taken[3]);
  CHECK(pool.take() == taken[2]);
  pool.give(taken[2]);
  pool.give(taken[3]);
  CHECK(pool.drop_unused() == 2);
  CHECK(pool.spare_blocks() == 2);
  CHECK(pool.take() == taken[3]);
  pool.give(taken[3]);
  CHECK(pool.drop_unused() == 1);
  CHECK(pool.drop_unused() == 1);
  CHECK(pool.spare_blocks() == 0);
  CHECK(pool.drop_unused() == 0);
}

TEST_CASE("a byte queue behaves as a string does, for any row of calls") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto upto = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(random); };
  BlockPool pool;
  ByteQueue queue(pool);
  std::string model;
  const std::string source = pattern(3 * payload);
  for (int i = 0; i < 2000; ++i) {
    switch (upto(3)) {
      case 0: {
        const std::string_view piece = std::string_view(source).substr(upto(payload), upto(2 * payload));
        queue.append(to_bytes(piece));
        model += piece;
        break;
      }
      case 1: {
        const MutableBytes room = queue.tail_room();
        REQUIRE(!room.empty());
        const std::size_t n = upto(room.size());
        std::copy_n(source.begin(), n, room.begin());
        queue.commit(n);
        model += source.substr(0, n);
        break;
      }
      default: {
        const std::size_t n = upto(queue.size());
        queue.consume(n);
        model.erase(0, n);
      }
    }
    REQUIRE(queue.size() == model.size());
    const std::string_view front = to_text(queue.front());
    REQUIRE(front.empty() == model.empty());
    REQUIRE(model.starts_with(front));
    if (i % 50 == 0) REQUIRE(content(queue) == model);
    if (model.size() > 20 * payload) {
      queue.clear();
      model.clear();
      REQUIRE(pool.blocks_in_use() == 0);
    }
  }
}

TEST_CASE("a run is handed over with a header in front of it, and is not copied") {
  BlockPool pool;
  {
    ByteQueue queue(pool, 9);
    ByteQueue handed(pool);
    const std::string text = pattern(payload - 9 + 100);
    queue.append(to_bytes(text));
    const Bytes run = queue.front();
    CHECK(run.size() == payload - 9);
    const std::uint8_t* stood = run.data();

    const Bytes whole = queue.hand_over(to_bytes("123456789"), handed);
    CHECK(whole.data() + 9 == stood);
    CHECK(to_text(whole) == "123456789" + text.substr(0, payload - 9));
    CHECK(queue.size() == 100);
    CHECK(handed.size() == payload);

    // What was consumed of a run is room for a header, too.
    queue.consume(40);
    CHECK(to_text(queue.hand_over(to_bytes("987654321"), handed)) == "987654321" + text.substr(payload - 9 + 40));
    CHECK(queue.empty());
    CHECK(handed.size() == payload + 9 + 60);
    queue.append(to_bytes("again"));
    CHECK(to_text(queue.front()) == "again");
    CHECK(pool.blocks_in_use() == 3);
    handed.clear();
    CHECK(pool.blocks_in_use() == 1);
  }
  CHECK(pool.blocks_in_use() == 0);
}

TEST_CASE("a pool says at each block beyond its high mark that it is, and once when the low one is reached") {
  struct Heard final : BlockPool::Watcher {
    void on_blocks_high() override { ++high; }
    void on_blocks_low() override { ++low; }
    int high = 0;
    int low = 0;
  } heard;
  BlockPool pool;
  ByteQueue queue(pool);
  pool.watch(&heard, 3, 1);
  queue.append(to_bytes(pattern(3 * payload)));
  CHECK(heard.high == 0);
  queue.append(to_bytes("x"));
  CHECK(heard.high == 1);
  queue.append(to_bytes(pattern(payload)));
  CHECK(heard.high == 2);
  queue.consume(3 * payload);
  CHECK(heard.low == 0);
  queue.consume(payload);
  CHECK(heard.low == 1);
  pool.watch(nullptr, 0, 0);
  queue.append(to_bytes(pattern(5 * payload)));
  queue.clear();
  CHECK(heard.high == 2);
  CHECK(heard.low == 1);
}

}  // namespace tenfold
