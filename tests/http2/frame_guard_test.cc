// What is read off the headers of frames, before anything else reads them.
#include "http2/frame_guard.h"

#include <doctest/doctest.h>

#include <random>

#include "base/limits.h"
#include "raw_frames.h"

using namespace tenfold;
using namespace tenfold::test;

namespace {

constexpr std::uint8_t padded = 0x8;
constexpr TimePoint start = TimePoint{} + 100s;
constexpr FrameGuard::Budget link_budget{limits::flood_burst, limits::flood_rate, limits::link_continuations};
constexpr FrameGuard::Budget edge_budget{1000, 100, 8, 200, 20, true};

// How many copies of `frame` go through at once.
std::size_t taken(FrameGuard& guard, const std::string& frame, TimePoint now = start, std::size_t most = 20'000) {
  for (std::size_t i = 0; i < most; ++i) {
    if (guard.look(to_bytes(frame), now).code != H2Code::no_error) return i;
  }
  return most;
}

}  // namespace

TEST_CASE("frames that carry nothing: a thousand at once, then a hundred a second") {
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"PING", raw::frame(raw::ping, 0, 0, "12345678")},
      {"PING answers that nobody asked for", raw::frame(raw::ping, raw::ack, 0, "12345678")},
      {"SETTINGS", raw::frame(raw::settings, 0, 0)},
      {"PRIORITY", raw::frame(raw::priority, 0, 3, "12345")},
      {"WINDOW_UPDATE", raw::open_window(0, 1)},
      {"empty DATA", raw::frame(raw::data, 0, 3)},
      {"empty DATA with END_STREAM", raw::frame(raw::data, raw::end_stream, 3)},
      {"unknown", raw::frame(0xfa, 0, 3, "anything")},
      {"RST_STREAM", raw::reset(3, 8)},
      {"GOAWAY", raw::frame(raw::goaway, 0, 0, "12345678")},
      {"answers of the agent", raw::head(3, {{":status", "103"}})},
  };
  for (const auto& kind : kinds) {
    CAPTURE(kind.first);
    const std::string& frame = kind.second;
    FrameGuard guard(FrameGuard::Peer::server, link_budget);
    CHECK(taken(guard, frame) == limits::flood_burst);
    const FrameGuard::Verdict verdict = guard.look(to_bytes(frame), start);
    CHECK(verdict.code == H2Code::enhance_your_calm);
    CHECK(verdict.passed == 0);
    CHECK(taken(guard, frame, start + 1s) == limits::flood_rate);
  }
}

TEST_CASE("DATA with something in it is not counted") {
  FrameGuard guard(FrameGuard::Peer::server, link_budget);
  CHECK(taken(guard, raw::frame(raw::data, 0, 3, "x")) == 20'000);
}

TEST_CASE("DATA of padding alone carries nothing") {
  for (const std::string& frame : {raw::frame(raw::data, padded, 3, std::string("\x03\0\0\0", 4)),
                                   raw::frame(raw::data, padded, 3, std::string(1, '\0')),
                                   raw::frame(raw::data, padded | raw::end_stream, 3, std::string("\x01\0", 2))}) {
    FrameGuard guard(FrameGuard::Peer::server, link_budget);
    CHECK(taken(guard, frame) == limits::flood_burst);
    FrameGuard later(FrameGuard::Peer::server, link_budget);
    CHECK(taken(later, frame, start, limits::flood_burst) == limits::flood_burst);
    CHECK(taken(later, frame, start + 1s) == limits::flood_rate);
  }
}

TEST_CASE("DATA with one octet beside its padding is not counted, however it arrives") {
  const std::string frame = raw::frame(raw::data, padded, 3, std::string("\x02x\0\0", 4));
  FrameGuard guard(FrameGuard::Peer::server, link_budget);
  CHECK(taken(guard, frame) == 20'000);
  const std::string empty = raw::frame(raw::data, padded, 3, std::string("\x02\0\0", 3));
  for (const std::size_t piece : {1, 5, 9, 10, 11}) {
    CAPTURE(piece);
    FrameGuard chopped(FrameGuard::Peer::server, link_budget);
    std::size_t empties = 0;
    for (; empties < 20'000; ++empties) {
      bool fault = false;
      for (const std::string& one : {frame, empty}) {
        for (std::size_t at = 0; at < one.size(); at += piece) {
          fault = fault || chopped.look(to_bytes(one.substr(at, piece)), start).code != H2Code::no_error;
        }
      }
      if (fault) break;
    }
    CHECK(empties == limits::flood_burst);
  }
}

TEST_CASE("what our own traffic asks for is earned by it") {
  FrameGuard guard(FrameGuard::Peer::server, link_budget);
  for (int i = 0; i < 1000; ++i) guard.on_stream();
  CHECK(taken(guard, raw::reset(3, 8)) == 1000 * 10 + limits::flood_burst);

  FrameGuard bulk(FrameGuard::Peer::server, link_budget);
  for (int i = 0; i < 100; ++i) bulk.on_data_sent(limits::data_payload);
  // A reader that returns credit for each KiB, to the stream and to the connection.
  CHECK(taken(bulk, raw::open_window(3, 1024)) == 100 * 2 * 16 + limits::flood_burst);

  FrameGuard small(FrameGuard::Peer::server, link_budget);
  for (int i = 0; i < 100; ++i) small.on_data_sent(1);
  CHECK(taken(small, raw::open_window(3, 1)) == 100 * 2 + limits::flood_burst);
}

TEST_CASE("what is earned does not pay for PINGs") {
  FrameGuard guard(FrameGuard::Peer::server, link_budget);
  for (int i = 0; i < 1000; ++i) guard.on_stream();
  CHECK(taken(guard, raw::frame(raw::ping, 0, 0, "12345678")) == limits::flood_burst);
}

TEST_CASE("a client's streams go up, each id once") {
  FrameGuard guard(FrameGuard::Peer::client, link_budget);
  const std::string good = std::string(raw::preface) + raw::connect(1, "control") + raw::connect(9, "a");
  CHECK(guard.look(to_bytes(good), start).passed == good.size());
  for (const std::uint32_t id : {7U, 9U, 0U}) {
    FrameGuard again = guard;
    const std::string bytes = raw::frame(raw::data, 0, 9, "x") + raw::connect(id, "b");
    const FrameGuard::Verdict verdict = again.look(to_bytes(bytes), start);
    CHECK(verdict.code == H2Code::protocol_error);
    CHECK(verdict.passed == 10);  // the DATA in front of it is in order
  }
}

TEST_CASE("eight CONTINUATION frames to a header block") {
  FrameGuard guard(FrameGuard::Peer::server, link_budget);
  const std::string begin = raw::frame(raw::headers, 0, 1, "x");
  const std::string more = raw::frame(raw::continuation, 0, 1, "x");
  for (int block = 0; block < 3; ++block) {
    CHECK(guard.look(to_bytes(begin), start).code == H2Code::no_error);
    CHECK(taken(guard, more, start, 8) == 8);
  }
  CHECK(guard.look(to_bytes(more), start).code == H2Code::enhance_your_calm);
}

TEST_CASE("PUSH_PROMISE is a fault from either side") {
  const std::string push = raw::frame(raw::push_promise, raw::end_headers, 1, raw::number(2, 4));
  FrameGuard guard(FrameGuard::Peer::server, link_budget);
  CHECK(guard.look(to_bytes(push), start).code == H2Code::protocol_error);
}

TEST_CASE("a verdict does not depend on how the bytes are cut") {
  std::string bytes(raw::preface);
  for (std::uint32_t i = 0; i < 60; ++i) {
    bytes += raw::frame(raw::data, 0, 1, std::string(i * 7, 'x'));
    bytes += raw::connect(2 * i + 1, "name");
  }
  const std::size_t good = bytes.size();
  bytes += raw::connect(5, "lower");
  std::mt19937 random(3);
  for (int round = 0; round < 100; ++round) {
    FrameGuard guard(FrameGuard::Peer::client, link_budget);
    std::size_t at = 0;
    FrameGuard::Verdict verdict;
    while (verdict.code == H2Code::no_error && at < bytes.size()) {
      const std::size_t n = std::min<std::size_t>(round == 0 ? 1 : 1 + random() % 50, bytes.size() - at);
      verdict = guard.look(to_bytes(bytes).subspan(at, n), start);
      REQUIRE((verdict.code != H2Code::no_error || verdict.passed == n));
      at += verdict.passed;
    }
    CHECK(verdict.code == H2Code::protocol_error);
    // At most the octets of the header itself have gone by.
    CHECK(at >= good);
    CHECK(at <= good + 9);
  }
}

TEST_CASE("on the public side resets have a bucket of their own, which nothing earns") {
  FrameGuard guard(FrameGuard::Peer::client, edge_budget);
  CHECK(guard.look(to_bytes(raw::preface), start).code == H2Code::no_error);
  for (int i = 0; i < 1000; ++i) guard.on_stream();
  for (int i = 0; i < 100; ++i) CHECK(guard.on_stream_fault(start));
  CHECK(taken(guard, raw::reset(3, 8)) == 100);
  CHECK_FALSE(guard.on_stream_fault(start));
  CHECK(taken(guard, raw::reset(3, 8), start + 1s) == 20);
  CHECK(taken(guard, raw::frame(raw::ping, 0, 0, "12345678"), start + 1s) == 1000);
}

TEST_CASE("on the public side a stream may have a second head, and an id that was passed over none") {
  FrameGuard guard(FrameGuard::Peer::client, edge_budget);
  const std::string good =
      std::string(raw::preface) + raw::connect(1, "a") + raw::connect(3, "b") + raw::connect(9, "c");
  CHECK(guard.look(to_bytes(good), start).passed == good.size());
  for (const std::uint32_t id : {1U, 3U, 9U}) {
    CHECK(guard.look(to_bytes(raw::connect(id, "x")), start).code == H2Code::no_error);
  }
  for (const std::uint32_t id : {5U, 7U}) {
    FrameGuard again = guard;
    CHECK(again.look(to_bytes(raw::connect(id, "x")), start).code == H2Code::protocol_error);
  }
  // Each stream has earned some of them.
  CHECK(taken(guard, raw::connect(9, "x")) == 3 * 10 - 3 + 1000);
}
