// Splice: two pipes as one: every byte, each way's end by itself, cuts, and no more held than the windows allow.
#include "splice.h"

#include <doctest/doctest.h>

#include <optional>
#include <random>
#include <string>

#include "base/limits.h"
#include "support/memory_pipe.h"
#include "support/test_runtime.h"

namespace tenfold {
namespace {

// Somebody at the far end of a pipe.
struct Peer final : Duplex::Handler {
  explicit Peer(std::unique_ptr<Duplex> end) : pipe(std::move(end)) { pipe->set_handler(this); }
  void on_data(Bytes bytes) override {
    received += to_text(bytes);
    if (reads) pipe->credit(bytes.size());
  }
  void on_end() override { ended = true; }
  void on_sent(std::size_t n) override { sent += n; }
  void on_closed(const Error& why) override { closed = why; }

  std::unique_ptr<Duplex> pipe;
  bool reads = true;
  std::string received;
  std::size_t sent = 0;
  bool ended = false;
  std::optional<Error> closed;
};

struct World final : Splice::Owner {
  explicit World(std::size_t window = 256 * 1024)
      : left_pipe(rt.runtime, window),
        right_pipe(rt.runtime, window),
        left(left_pipe.take_left()),
        right(right_pipe.take_right()),
        splice(std::make_unique<Splice>(rt.runtime, left_pipe.take_right(), right_pipe.take_left(), *this)) {}

  void on_splice_done(Splice& done_splice, const Error& why) override {
    REQUIRE(&done_splice == splice.get());
    REQUIRE_FALSE(done);
    done = why;
    rt.graveyard.bury(std::move(splice));
  }

  void pump(std::size_t chop = 1 << 20) {
    bool moved = true;
    while (moved) {
      moved = left_pipe.step(chop);
      moved |= right_pipe.step(chop);
    }
  }

  test::TestRuntime rt;
  test::MemoryPipe left_pipe;
  test::MemoryPipe right_pipe;
  Peer left;
  Peer right;
  std::unique_ptr<Splice> splice;
  std::optional<Error> done;
};

Splice::Turn turn_of(Bytes beginning) {
  if (to_text(beginning).starts_with("200")) return Splice::Turn::answer;
  return to_text(beginning).starts_with("101") ? Splice::Turn::raw : Splice::Turn::other;
}

}  // namespace

TEST_CASE("a splice carries bytes both ways") {
  World world;
  world.splice->start();
  world.left.pipe->write(to_bytes("question"));
  world.right.pipe->write(to_bytes("answer"));
  world.pump();
  CHECK(world.right.received == "question");
  CHECK(world.left.received == "answer");
  CHECK(world.splice->carried_from_left() == 8);
  CHECK(world.splice->carried_from_right() == 6);
  CHECK_FALSE(world.done);
}

TEST_CASE("each way ends by itself, and the splice when both have") {
  World world;
  world.splice->start();
  world.left.pipe->write(to_bytes("last words"));
  world.left.pipe->end();
  world.pump();
  CHECK(world.right.received == "last words");
  CHECK(world.right.ended);
  CHECK_FALSE(world.left.ended);
  CHECK_FALSE(world.done);
  world.right.pipe->write(to_bytes("still heard"));
  world.right.pipe->end();
  world.pump();
  CHECK(world.left.received == "still heard");
  REQUIRE(world.done);
  CHECK(world.done->kind == ErrorKind::none);
  REQUIRE(world.left.closed);
  CHECK(world.left.closed->kind == ErrorKind::none);
  REQUIRE(world.right.closed);
  CHECK(world.right.closed->kind == ErrorKind::none);
}

TEST_CASE("a cut on one side is a cut on the other, with its reason") {
  World world;
  world.splice->start();
  world.left.pipe->write(to_bytes("half a mess"));
  world.pump();
  world.left.pipe->reset(ErrorKind::io);
  world.pump();
  REQUIRE(world.done);
  CHECK(world.done->kind == ErrorKind::io);
  REQUIRE(world.right.closed);
  CHECK(world.right.closed->kind == ErrorKind::io);
  CHECK_FALSE(world.right.ended);
}

TEST_CASE("a cut after one side has ended cleanly is still a cut") {
  World world;
  world.splice->start();
  world.left.pipe->end();
  world.pump();
  CHECK(world.right.ended);
  world.right.pipe->reset(ErrorKind::closed);
  world.pump();
  REQUIRE(world.done);
  CHECK(world.done->kind == ErrorKind::closed);
  REQUIRE(world.left.closed);
  CHECK(world.left.closed->kind == ErrorKind::closed);
}

TEST_CASE("early bytes go first, and their credit goes back to where they came from") {
  World world;
  // The former holder of the splice's left pipe takes eight bytes and hands them on.
  auto taker_pipe = world.left_pipe.take_right();
  struct Taker final : Duplex::Handler {
    void on_data(Bytes bytes) override { got += to_text(bytes); }
    void on_end() override { ended = true; }
    void on_sent(std::size_t) override {}
    void on_closed(const Error&) override {}
    std::string got;
    bool ended = false;
  } taker;
  taker_pipe->set_handler(&taker);
  world.left.pipe->write(to_bytes("earlybyt"));
  world.left.pipe->end();
  world.left_pipe.step();
  REQUIRE(taker.got == "earlybyt");
  REQUIRE(taker.ended);
  CHECK(world.left_pipe.right_uncredited() == 8);

  world.splice->start(to_bytes(taker.got), {}, true, false);
  world.pump();
  CHECK(world.right.received == "earlybyt");
  CHECK(world.right.ended);
  CHECK(world.left_pipe.right_uncredited() == 0);
  world.right.pipe->end();
  world.pump();
  CHECK(world.done);
}

TEST_CASE("bytes that stood in a pipe before the splice are not credited to the other side") {
  World world;
  // A head was written to the left visitor by the splice's former holder, and has not left yet.
  auto former = world.left_pipe.take_right();
  former->write(to_bytes("HTTP/1.1 101 Switching Protocols\r\n\r\n"));
  world.splice->start();
  world.right.pipe->write(to_bytes("frame"));
  world.pump(3);
  CHECK(world.left.received == "HTTP/1.1 101 Switching Protocols\r\n\r\nframe");
  CHECK(world.right_pipe.left_uncredited() == 0);
}

TEST_CASE("a reader that stands still stops the writer at the windows") {
  constexpr std::size_t window = 1000;
  World world(window);
  world.splice->start();
  world.right.reads = false;
  const std::string much(10 * window, 'x');
  world.left.pipe->write(to_bytes(much));
  world.pump(100);
  CHECK(world.right.received.size() == window);
  // A second window stands in the queue of the pipe to the reader; the rest has not been taken.
  CHECK(world.left.pipe->queued() == 8 * window);

  world.right.reads = true;
  world.right.pipe->credit(window);
  world.pump(100);
  CHECK(world.right.received == much);
  CHECK(world.left_pipe.right_uncredited() == 0);
  CHECK(world.left.sent == much.size());
}

TEST_CASE("reset cuts both sides and tells nobody here") {
  World world;
  world.splice->start();
  world.splice->reset(ErrorKind::timeout);
  world.splice->reset(ErrorKind::io);
  world.pump();
  CHECK_FALSE(world.done);
  REQUIRE(world.left.closed);
  CHECK(world.left.closed->kind == ErrorKind::timeout);
  REQUIRE(world.right.closed);
  CHECK(world.right.closed->kind == ErrorKind::timeout);
}

TEST_CASE("a destroyed splice cancels both sides") {
  World world;
  world.splice->start();
  world.splice.reset();
  world.pump();
  CHECK_FALSE(world.left_pipe.right_alive());
  CHECK_FALSE(world.right_pipe.left_alive());
  REQUIRE(world.left.closed);
  CHECK(world.left.closed->kind == ErrorKind::cancelled);
}

TEST_CASE("what was read from a side goes out before its cut is passed on") {
  for (const bool from_app : {true, false}) {
    CAPTURE(from_app);
    World world;
    world.splice->start();
    Peer& answers = from_app ? world.right : world.left;
    Peer& reads = from_app ? world.left : world.right;
    test::MemoryPipe& near = from_app ? world.right_pipe : world.left_pipe;
    test::MemoryPipe& far = from_app ? world.left_pipe : world.right_pipe;
    answers.pipe->write(to_bytes("HTTP/1.1 413 Content Too Large"));
    near.step();
    answers.pipe->reset(ErrorKind::closed);
    near.step();
    // What the other side still sends has nowhere to go, and does not come back as a debt.
    reads.pipe->write(to_bytes("more of the upload"));
    CHECK_FALSE(world.done);

    far.step(10);
    CHECK_FALSE(world.done);
    CHECK_FALSE(reads.closed);
    world.pump(10);
    CHECK(reads.received == "HTTP/1.1 413 Content Too Large");
    REQUIRE(world.done);
    CHECK(world.done->kind == ErrorKind::closed);
    REQUIRE(reads.closed);
    CHECK(reads.closed->kind == ErrorKind::closed);
    CHECK((from_app ? world.left_pipe.right_uncredited() : world.right_pipe.left_uncredited()) == 0);
  }
}

TEST_CASE(
    "a visitor may take his time for the rest of an answer whose app is gone; an app for the rest of a request not") {
  for (const bool from_app : {true, false}) {
    CAPTURE(from_app);
    World world(100);
    world.splice->start();
    Peer& sender = from_app ? world.right : world.left;
    Peer& reader = from_app ? world.left : world.right;
    reader.reads = false;
    sender.pipe->write(to_bytes(std::string(150, 'x')));
    world.pump();
    sender.pipe->reset(ErrorKind::closed);
    world.pump();
    CHECK(reader.received.size() == 100);
    CHECK_FALSE(world.done);
    const Duration limit = from_app ? limits::reader_idle : limits::parting_time;

    world.rt.pass(limit - 1s);
    CHECK_FALSE(world.done);
    reader.pipe->credit(1);  // progress: the limit counts from here
    world.pump();
    world.rt.pass(limit - 1s);
    CHECK_FALSE(world.done);
    world.rt.pass(1s);
    REQUIRE(world.done);
    CHECK(world.done->kind == ErrorKind::closed);
    CHECK(world.rt.timers.size() == 0);
  }
}

TEST_CASE("the remaining side's own end or cut ends the wait for it") {
  World world(100);
  world.splice->start();
  world.left.reads = false;
  world.right.pipe->write(to_bytes(std::string(150, 'x')));
  world.pump();
  world.right.pipe->reset(ErrorKind::io);
  world.pump();
  world.left.pipe->end();
  world.pump();
  CHECK_FALSE(world.done);
  world.left.pipe->reset(ErrorKind::cancelled);
  world.pump();
  REQUIRE(world.done);
  CHECK(world.done->kind == ErrorKind::io);
}

TEST_CASE("a request that meets an app's end before a byte of it left is refused: nothing was begun") {
  World world;
  world.splice->refuse_unbegun(turn_of);
  world.splice->start();
  world.left.pipe->write(to_bytes("GET /1"));
  world.pump();
  world.right.pipe->write(to_bytes("200 OK"));
  world.pump();
  SUBCASE("the request comes behind the end") {
    world.right.pipe->end();
    world.pump();
    CHECK(world.left.ended);
    world.left.pipe->write(to_bytes("POST /2"));
  }
  SUBCASE("the request stands in the queue when the end comes") {
    world.left.pipe->write(to_bytes("POST /2"));
    world.left_pipe.step();
    world.right.pipe->end();
    // The app's end is heard before what is queued for it moves.
    world.right.pipe->credit(0);
    world.right_pipe.step(0);
  }
  world.pump();
  CHECK(world.right.received == "GET /1");
  CHECK(world.left.received == "200 OK");
  REQUIRE(world.done);
  CHECK(world.done->kind == ErrorKind::unbegun);
  REQUIRE(world.left.closed);
  CHECK(world.left.closed->kind == ErrorKind::unbegun);
}

TEST_CASE("a request of which a byte left is not refused, and nothing is where nobody asked for it") {
  bool asked = false;
  SUBCASE("a byte left") { asked = true; }
  SUBCASE("not asked for") { asked = false; }
  World world;
  if (asked) world.splice->refuse_unbegun(turn_of);
  world.splice->start();
  world.left.pipe->write(to_bytes("GET /1"));
  world.pump();
  world.right.pipe->write(to_bytes("200 OK"));
  world.pump();
  world.left.pipe->write(to_bytes("POST /2"));
  if (asked) world.pump();
  world.right.pipe->end();
  world.pump();
  world.left.pipe->write(to_bytes("more"));
  world.pump();
  CHECK_FALSE(world.done);
  CHECK(world.right.received == "GET /1POST /2more");
}

TEST_CASE(
    "where the right's last words are no answer, or ended the row of requests, its end is an end like any other") {
  for (const std::string_view says : {"hello", "101 Switching", "102 Processing"}) {
    CAPTURE(says);
    World world;
    world.splice->refuse_unbegun(turn_of);
    world.splice->start();
    world.left.pipe->write(to_bytes("GET /1"));
    world.pump();
    world.right.pipe->write(to_bytes(says));
    world.pump();
    if (says.starts_with("101")) {
      world.left.pipe->write(to_bytes("frame"));
      world.pump();
      world.right.pipe->write(to_bytes("200 is a word like any other now"));
      world.pump();
    }
    world.right.pipe->end();
    world.pump();
    world.left.pipe->write(to_bytes("still"));
    world.pump();
    CHECK_FALSE(world.done);
    CHECK(world.right.received.ends_with("still"));
  }
}

TEST_CASE("more than is ever asked again may have left untold, and is not refused") {
  for (const std::size_t size : {limits::request_kept - 1, limits::request_kept}) {
    CAPTURE(size);
    World world;
    world.splice->refuse_unbegun(turn_of);
    world.splice->start();
    world.left.pipe->write(to_bytes("GET /1"));
    world.pump();
    world.right.pipe->write(to_bytes("200 OK"));
    world.pump();
    world.left.pipe->write(to_bytes(std::string(size, 'x')));
    while (world.left.pipe->queued() != 0) world.left_pipe.step();
    world.right.pipe->end();
    world.right_pipe.step(0);
    world.pump();
    CHECK(world.done.has_value() == (size < limits::request_kept));
  }
}

TEST_CASE("end() ends both ways behind what is queued") {
  World world;
  world.splice->start();
  world.left.pipe->write(to_bytes("to the app"));
  world.right.pipe->write(to_bytes("to the visitor"));
  world.left_pipe.step();
  world.right_pipe.step();
  world.splice->end();
  world.pump();
  CHECK(world.right.received == "to the app");
  CHECK(world.left.received == "to the visitor");
  CHECK(world.left.ended);
  CHECK(world.right.ended);
  CHECK_FALSE(world.done);
  world.left.pipe->end();
  world.right.pipe->end();
  world.pump();
  REQUIRE(world.done);
  CHECK(world.done->kind == ErrorKind::none);
}

TEST_CASE("any cut of the bytes and any window carries them whole") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto upto = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(1, most)(random); };
  for (int round = 0; round < 50; ++round) {
    CAPTURE(round);
    World world(upto(5000));
    world.splice->start();
    std::string there(upto(40000), '\0');
    std::string back(upto(40000), '\0');
    for (char& c : there) c = static_cast<char>(random());
    for (char& c : back) c = static_cast<char>(random());
    std::size_t a = 0;
    std::size_t b = 0;
    while (a < there.size() || b < back.size()) {
      const std::string_view from_left = std::string_view(there).substr(a, upto(3000));
      const std::string_view from_right = std::string_view(back).substr(b, upto(3000));
      world.left.pipe->write(to_bytes(from_left));
      world.right.pipe->write(to_bytes(from_right));
      a += from_left.size();
      b += from_right.size();
      world.left_pipe.step(upto(2000));
      world.right_pipe.step(upto(2000));
    }
    world.left.pipe->end();
    world.right.pipe->end();
    world.pump(upto(2000));
    REQUIRE(world.right.received == there);
    REQUIRE(world.left.received == back);
    REQUIRE(world.done);
    REQUIRE(world.done->kind == ErrorKind::none);
    REQUIRE(world.rt.blocks.blocks_in_use() == 0);
  }
}

}  // namespace tenfold
