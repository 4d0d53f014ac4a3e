// Windows, credit and turns: who may send how much, and who is next.
#include <map>

#include "../http2/raw_frames.h"
#include "base/limits.h"
#include "link_pair.h"

using namespace tenfold;
using namespace tenfold::test;

namespace {

constexpr std::size_t MiB = limits::MiB;

LinkOptions small_windows() {
  LinkOptions options;
  options.stream_window = options.stream_window_most = 64 * 1024;
  options.link_window = 100'000;
  return options;
}

// All credit that was taken from a connection is back, or on record as to be given back.
void check_connection_windows(LinkPair& pair, const LinkOptions& brokers, const LinkOptions& agents) {
  const LinkStats broker = pair.broker.link->stats();
  const LinkStats agent = pair.agent.link->stats();
  CHECK(broker.send_window + agent.unreturned == static_cast<std::int32_t>(agents.link_window));
  CHECK(agent.send_window + broker.unreturned == static_cast<std::int32_t>(brokers.link_window));
}

constexpr Duration way = 50ms;  // from one end to the other, on a slow path

// What both ends have to say goes over a path.
void round_trip(LinkPair& pair, Duration one_way) {
  const std::string there = take_all(*pair.broker.link, 128 * 1024);
  pair.rt.pass(one_way);
  pair.agent.link->receive(to_bytes(there));
  const std::string back = take_all(*pair.agent.link);
  pair.rt.pass(one_way);
  pair.broker.link->receive(to_bytes(back));
}

void slow_round_trip(LinkPair& pair) { round_trip(pair, way); }

std::map<std::uint32_t, std::size_t> payload_by_stream(const std::string& bytes) {
  std::map<std::uint32_t, std::size_t> sizes;
  for (const raw::Frame& frame : raw::parse(bytes)) {
    if (frame.type == raw::data) sizes[frame.id] += frame.payload.size();
  }
  return sizes;
}

}  // namespace

TEST_CASE("a stream whose reader stands still stops at its window, and nobody else does") {
  const LinkOptions options = small_windows();
  LinkPair pair(options);
  // More of them than the connection's window holds.
  std::vector<std::unique_ptr<HeardStream>> stalled;
  pair.agent.on_stream = [](HeardStream& stream) { stream.credits = false; };
  for (int i = 0; i < 10; ++i) {
    stalled.push_back(pair.broker.open());
    stalled.back()->pipe->write(to_bytes(std::string(100'000, 'x')));
  }
  pair.pump();
  for (const auto& stream : stalled) CHECK(stream->sent == options.stream_window);
  CHECK(pair.broker.link->stats().window_waits == stalled.size());
  CHECK(pair.broker.link->stats().bytes_queued == 10 * (100'000 - options.stream_window));

  pair.agent.on_stream = nullptr;
  const auto flowing = pair.broker.open();
  flowing->pipe->write(to_bytes(std::string(2'000'000, 'y')));
  pair.broker.link->send([] {
    control::ControlMessage message;
    message.mutable_notice()->set_text("control flows too");
    return message;
  }());
  pair.pump();
  CHECK(flowing->sent == 2'000'000);
  CHECK(pair.agent.messages.size() == 1);

  // The stalled ones go on where they were.
  for (const auto& far : pair.agent.streams) {
    if (!far->credits) far->pipe->credit(far->text.size());
  }
  pair.pump();
  for (const auto& stream : stalled) CHECK(stream->sent == 100'000);
  check_connection_windows(pair, options, options);
}

TEST_CASE("what arrives for streams that were reset does not cost the connection its window") {
  const LinkOptions options = small_windows();
  LinkPair pair(options);
  pair.agent.on_stream = [](HeardStream& stream) { stream.credits = false; };
  for (int i = 0; i < 300; ++i) {
    const auto near = pair.broker.open();
    near->pipe->write(to_bytes(std::string(60'000, 'x')));
    LinkPair::carry(*pair.broker.link, *pair.agent.link, 16'000);
    HeardStream& far = *pair.agent.streams.back();
    // Cut while half of it is on its way.
    near->pipe->write(to_bytes(std::string(1'000, 'y')));
    far.pipe->reset(ErrorKind::io);
    LinkPair::carry(*pair.broker.link, *pair.agent.link, 16'000);
    pair.pump();
    REQUIRE(near->closed);
    REQUIRE(near->sent >= 60'000);
  }
  check_connection_windows(pair, options, options);
  CHECK(pair.agent.link->stats().streams == 0);
  CHECK(pair.rt.blocks.blocks_in_use() == 0);
}

TEST_CASE("bulk streams get a quantum each in turn, however many bytes they have waiting") {
  constexpr std::size_t count = 7;
  LinkPair pair;
  pair.pump();
  std::vector<std::unique_ptr<HeardStream>> near;
  for (std::size_t i = 0; i < count; ++i) near.push_back(pair.broker.open());
  pair.pump();
  for (std::size_t i = 0; i < count; ++i) near[i]->pipe->write(to_bytes(std::string(200'000 + 10'000 * i, 'x')));
  for (const std::size_t room : {std::size_t{16} * 1024, std::size_t{128} * 1024, std::size_t{50'000}}) {
    CAPTURE(room);
    std::map<std::uint32_t, std::size_t> sent;
    std::size_t total = 0;
    while (total < 2 * count * limits::stream_quantum) {
      const std::string bytes = take_output(*pair.broker.link, room);
      REQUIRE_FALSE(bytes.empty());
      for (const auto& [id, size] : payload_by_stream(bytes)) {
        sent[id] += size;
        total += size;
      }
      pair.agent.link->receive(to_bytes(bytes));
      pair.rt.pass(Duration::zero());
    }
    CHECK(sent.size() == count);
    for (const auto& of_stream : sent) {
      CAPTURE(of_stream.first);
      // Two rounds, with a turn that was begun at either end.
      CHECK(of_stream.second + limits::stream_quantum >= total / count);
      CHECK(of_stream.second <= total / count + limits::stream_quantum);
    }
  }
}

TEST_CASE("a small message waits for one turn of each bulk stream at most, a control message for none") {
  LinkPair pair;
  pair.pump();
  std::vector<std::unique_ptr<HeardStream>> bulk;
  for (int i = 0; i < 5; ++i) {
    bulk.push_back(pair.broker.open());
    bulk.back()->pipe->write(to_bytes(std::string(150'000, 'x')));
  }
  const auto small = pair.broker.open();
  for (int i = 0; i < 3; ++i) take_output(*pair.broker.link);
  small->pipe->write(to_bytes("hello"));
  control::ControlMessage message;
  message.mutable_notice()->set_text("control");
  pair.broker.link->send(message);
  const std::vector<raw::Frame> first = raw::parse(take_output(*pair.broker.link));
  REQUIRE_FALSE(first.empty());
  CHECK(first[0].type == raw::data);
  CHECK(first[0].id == 1);
  std::size_t before_small = 0;
  bool seen = false;
  while (!seen) {
    const std::string bytes = take_output(*pair.broker.link);
    REQUIRE_FALSE(bytes.empty());
    for (const raw::Frame& frame : raw::parse(bytes)) {
      if (frame.id == static_cast<std::uint32_t>(small->pipe->id())) seen = true;
      if (!seen) before_small += frame.payload.size();
    }
  }
  CHECK(before_small <= 5 * limits::stream_quantum);
}

TEST_CASE("a room is filled with whole frames, a DATA frame and its header are one TLS record") {
  LinkPair pair;
  pair.pump();
  const auto a = pair.broker.open();
  const auto b = pair.broker.open();
  pair.pump();
  a->pipe->write(to_bytes(std::string(200'000, 'x')));
  b->pipe->write(to_bytes(std::string(200'000, 'x')));
  for (int i = 0; i < 10; ++i) {
    const std::string bytes = take_output(*pair.broker.link);
    CHECK(bytes.size() == 16 * 1024);
    const std::vector<raw::Frame> frames = raw::parse(bytes);
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].payload.size() == 16'375);
  }
  // What is left of a larger room is left: no frame is cut that the next room takes whole.
  CHECK(take_output(*pair.broker.link, 40'000).size() == 2 * 16 * 1024);
}

TEST_CASE("bulk behind a small frame goes on in whole frames") {
  LinkPair pair;
  pair.pump();
  const auto bulk = pair.broker.open();
  pair.pump();
  control::ControlMessage notice;
  notice.mutable_notice()->set_text("small");
  pair.broker.link->send(notice);
  bulk->pipe->write(to_bytes(std::string(5 * limits::data_payload, 'x')));
  CHECK(take_output(*pair.broker.link).size() < 100);
  for (int i = 0; i < 5; ++i) {
    const std::vector<raw::Frame> frames = raw::parse(take_output(*pair.broker.link));
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].payload.size() == limits::data_payload);
  }
}

TEST_CASE(
    "small frames are gathered in the room, large ones stay where the stream has them, and all keep their order") {
  LinkPair pair;
  pair.pump();
  const auto small = pair.broker.open();
  const auto bulk = pair.broker.open();
  pair.pump();
  small->pipe->write(to_bytes("small"));
  bulk->pipe->write(to_bytes(std::string(3 * limits::data_payload + 1000, 'x')));

  struct Pieces final : Link::Output {
    void on_link_bytes(Bytes bytes) override { all.emplace_back(bytes.data(), std::string(to_text(bytes))); }
    std::vector<std::pair<const std::uint8_t*, std::string>> all;
  } pieces;
  std::vector<std::uint8_t> room(limits::flush_bulk);
  pair.broker.link->take_output(room, pieces);
  REQUIRE(pieces.all.size() == 5);
  std::string whole;
  for (std::size_t i = 0; i < pieces.all.size(); ++i) {
    CAPTURE(i);
    const auto& [at, text] = pieces.all[i];
    const bool in_room = at >= room.data() && at < room.data() + room.size();
    CHECK(in_room == (i == 0 || i == 4));
    if (!in_room) CHECK(text.size() == limits::data_payload + 9);
    whole += text;
  }
  CHECK(pair.rt.blocks.blocks_in_use() == 0);
  const auto sizes = payload_by_stream(whole);
  CHECK(sizes.at(static_cast<std::uint32_t>(small->pipe->id())) == 5);
  CHECK(sizes.at(static_cast<std::uint32_t>(bulk->pipe->id())) == 3 * limits::data_payload + 1000);
}

TEST_CASE("the end goes with the last bytes, in one frame") {
  LinkPair pair;
  pair.pump();
  const auto near = pair.broker.open();
  near->pipe->write(to_bytes("all of it"));
  near->pipe->end();
  const std::vector<raw::Frame> frames = raw::parse(take_all(*pair.broker.link));
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].type == raw::headers);
  CHECK(frames[0].flags == raw::end_headers);
  CHECK(frames[1].type == raw::data);
  CHECK(frames[1].flags == raw::end_stream);
  CHECK(frames[1].payload == "all of it");
}

TEST_CASE("the window of a stream grows with its path, one stream after the other") {
  LinkPair pair;
  slow_round_trip(pair);
  for (int i = 0; i < 3; ++i) {
    const auto near = pair.broker.open();
    near->pipe->write(to_bytes(std::string(60 * MiB, 'f')));
    near->pipe->end();
    std::vector<std::size_t> rounds;  // bytes in each round trip
    while (near->sent < 60 * MiB) {
      const std::size_t before = near->sent;
      slow_round_trip(pair);
      rounds.push_back(near->sent - before);
      pair.agent.streams.back()->text.clear();
      REQUIRE(rounds.size() < 400);
    }
    CHECK(rounds[0] == limits::stream_window);
    const std::size_t most = *std::max_element(rounds.begin(), rounds.end());
    CHECK(most >= 6 * MiB);
    CHECK(most <= 16 * MiB);
    pair.agent.streams.back()->pipe->reset(ErrorKind::io);
    pair.pump();
  }
}

TEST_CASE("on a short path a stream that grew has its starting window in company, and all of it alone") {
  LinkPair pair;
  constexpr Duration short_way = 100us;
  round_trip(pair, short_way);
  const auto bulk = pair.broker.open();
  const auto small = pair.broker.open();
  const auto most_of = [&](int rounds, bool company) {
    std::size_t most = 0;
    for (int round = 0; round < rounds; ++round) {
      bulk->pipe->write(to_bytes(std::string(2 * MiB, 'b')));
      if (company) small->pipe->write(to_bytes("s"));
      const std::size_t before = bulk->sent;
      round_trip(pair, short_way);
      most = std::max(most, bulk->sent - before);
      for (const auto& far : pair.agent.streams) far->text.clear();
    }
    return most;
  };
  CHECK(most_of(20, false) > limits::stream_window);
  most_of(10, true);
  CHECK(most_of(50, true) <= limits::stream_window);
  most_of(static_cast<int>(limits::company_time / short_way), false);
  CHECK(most_of(5, false) > limits::stream_window);
  // On a long one it is the path that needs it.
  for (int round = 0; round < 60; ++round) slow_round_trip(pair);
  bulk->pipe->write(to_bytes(std::string(2 * MiB, 'b')));
  small->pipe->write(to_bytes("s"));
  const std::size_t before = bulk->sent;
  slow_round_trip(pair);
  CHECK(bulk->sent - before > limits::stream_window);
}

TEST_CASE("the window of a stream does not grow for a reader that is slow") {
  LinkPair pair;
  pair.pump();
  for (int round = 0; round < 60; ++round) slow_round_trip(pair);
  const auto near = pair.broker.open();
  pair.pump();
  HeardStream& far = *pair.agent.streams.at(0);
  far.credits = false;
  near->pipe->write(to_bytes(std::string(2 * MiB, 's')));
  std::size_t credited = 0;
  for (int round = 0; round < 100; ++round) {
    slow_round_trip(pair);
    const std::size_t n = std::min<std::size_t>(30'000, far.text.size() - credited);
    far.pipe->credit(n);
    credited += n;
    REQUIRE(near->sent - credited <= limits::stream_window);
  }
  CHECK(credited > 8 * limits::stream_window / 2);
}

TEST_CASE("streams' windows grow by so much together that a tunnel's budget holds them") {
  LinkPair pair;
  slow_round_trip(pair);
  constexpr std::size_t count = 8;
  std::vector<std::unique_ptr<HeardStream>> near;
  for (std::size_t i = 0; i < count; ++i) near.push_back(pair.broker.open());
  for (int round = 0; round < 60; ++round) slow_round_trip(pair);  // until a PING has measured the path
  REQUIRE(pair.agent.link->stats().rtt >= 2 * way);
  for (const auto& stream : near) stream->pipe->write(to_bytes(std::string(10 * MiB, 'f')));
  // All keep up for a while, then all stand still: what comes after that is what has to be held.
  for (int round = 0; round < 9; ++round) {
    if (round == 4) {
      for (const auto& far : pair.agent.streams) {
        far->credits = false;
        far->text.clear();
      }
    }
    slow_round_trip(pair);
  }
  CHECK(take_all(*pair.broker.link).empty());
  std::size_t held = 0;
  for (const auto& far : pair.agent.streams) held += far->text.size();
  CHECK(held > count * limits::stream_window);
  CHECK(held <= count * limits::stream_window + limits::tunnel_buffered);
  pair.broker.link->end_of_input({});
  pair.agent.link->end_of_input({});
}

TEST_CASE("a stream's credit that is still out when it ends is forgotten with it") {
  LinkPair pair;
  for (int i = 0; i < 50; ++i) {
    const auto near = pair.broker.open();
    pair.agent.on_stream = [](HeardStream& stream) { stream.credits = false; };
    near->pipe->write(to_bytes(std::string(1000, 'x')));
    near->pipe->end();
    pair.pump();
    HeardStream& far = *pair.agent.streams.back();
    far.pipe->end();
    pair.pump();
    REQUIRE(far.closed);
    REQUIRE(near->closed);
    far.pipe->credit(1000);
  }
  check_connection_windows(pair, {}, {});
}

TEST_CASE("a thousand readers who stand still make a link hold its share and no more, and none of them is cut") {
  LinkPair pair;
  pair.pump();
  std::vector<std::unique_ptr<HeardStream>> readers;
  std::size_t sent = 0;
  const std::string bulk(limits::stream_window, 'x');
  pair.agent.on_stream = [&](HeardStream& stream) {
    stream.pipe->write(to_bytes(bulk));
    sent += bulk.size();
  };
  std::size_t most = 0;
  for (std::uint32_t i = 0; i < limits::link_streams; ++i) {
    readers.push_back(pair.broker.open());
    readers.back()->credits = false;
    readers.back()->keeps = false;
    if (i % 10 == 9) pair.pump();
    most = std::max(most, pair.broker.link->stats().bytes_held);
  }
  pair.pump();
  most = std::max(most, pair.broker.link->stats().bytes_held);
  CHECK(most >= limits::tunnel_buffered);
  CHECK(most <= limits::tunnel_buffered_most);
  CHECK(sent == limits::link_streams * limits::stream_window);
  CHECK_FALSE(pair.broker.closed);

  // They read on: everything comes, and new streams have whole windows again.
  pair.rt.pass(limits::pressed_time);
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto& reader : readers) {
      const std::size_t got = std::exchange(reader->uncredited, 0);
      if (got != 0) reader->pipe->credit(got);
      moved |= got != 0;
    }
    pair.pump();
    pair.rt.pass(100ms);
  }
  std::size_t received = 0;
  for (const auto& reader : readers) received += reader->received;
  CHECK(received == sent);
  CHECK(pair.broker.link->stats().bytes_held == 0);
  readers.clear();
  pair.pump();
  for (Duration passed{}; passed < 2 * limits::ping_every; passed += 1s) {
    pair.rt.pass(1s);
    pair.pump();
  }
  const auto later = pair.broker.open();
  later->credits = false;
  pair.pump();
  CHECK(later->received == limits::stream_window);
}

TEST_CASE("readers who stand behind grown windows do not make a link hold more than its share either") {
  LinkPair pair;
  slow_round_trip(pair);
  std::vector<std::unique_ptr<HeardStream>> readers;
  std::size_t left = 0;  // so many bytes has each app still to send
  pair.agent.on_stream = [&](HeardStream& stream) { stream.pipe->write(to_bytes(std::string(left, 'x'))); };
  left = 60 * MiB;
  const auto open = [&] {
    readers.push_back(pair.broker.open());
    readers.back()->keeps = false;
  };
  for (int i = 0; i < 4; ++i) open();
  // Until a PING has measured the path, and then until windows have grown.
  while (readers.back()->received < 20 * MiB) slow_round_trip(pair);
  // All stand now, and so do nearly a thousand more who come.
  for (const auto& reader : readers) reader->credits = false;
  std::size_t most = 0;
  left = limits::stream_window;
  for (std::uint32_t i = 4; i < limits::link_streams; ++i) {
    open();
    readers.back()->credits = false;
    if (i % 50 == 0) slow_round_trip(pair);
    most = std::max(most, pair.broker.link->stats().bytes_held);
  }
  for (int round = 0; round < 20; ++round) {
    slow_round_trip(pair);
    most = std::max(most, pair.broker.link->stats().bytes_held);
  }
  CHECK(most > limits::tunnel_buffered);
  CHECK(most <= limits::tunnel_buffered_most);
  CHECK_FALSE(pair.broker.closed);
  pair.broker.link->end_of_input({});
  pair.agent.link->end_of_input({});
}

TEST_CASE("a link that its owner squeezes gives small windows, and whole ones later") {
  LinkPair pair;
  pair.pump();
  pair.agent.on_stream = [](HeardStream& stream) {
    stream.pipe->write(to_bytes(std::string(limits::stream_window, 'x')));
  };
  const auto held_by_one = [&] {
    const auto reader = pair.broker.open();
    reader->credits = false;
    pair.pump();
    return reader->received;
  };
  CHECK(held_by_one() == limits::stream_window);
  pair.broker.link->squeeze(true);
  pair.pump();
  CHECK(held_by_one() == limits::stream_window_pressed);
  pair.rt.pass(2 * limits::pressed_time);
  CHECK(held_by_one() == limits::stream_window_pressed);
  pair.broker.link->squeeze(false);
  pair.pump();
  CHECK(held_by_one() == limits::stream_window);
}
