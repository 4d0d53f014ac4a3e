// Peers that send too much: floods, bombs, and the honest ones that must not be taken for them.
#include <malloc.h>

#include "base/limits.h"
#include "link_target.h"
#include "mux/control_framing.h"

using namespace tenfold;
using namespace tenfold::test;

TEST_CASE("floods of frames that carry nothing end the link, from either side") {
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"PING", raw::frame(raw::ping, 0, 0, "12345678")},
      {"SETTINGS", raw::frame(raw::settings, 0, 0)},
      {"SETTINGS that change all windows", raw::frame(raw::settings, 0, 0, raw::setting(4, 1000))},
      {"PRIORITY", raw::frame(raw::priority, 0, 3, std::string(5, '\0'))},
      {"WINDOW_UPDATE", raw::open_window(0, 1)},
      {"empty DATA", raw::frame(raw::data, 0, 1)},
      {"unknown types", raw::frame(0xfa, 0, 0, "x")},
      {"RST_STREAM on streams that are gone", raw::reset(3, 8)},
  };
  for (const Link::Role role : {broker, agent}) {
    for (const auto& kind : kinds) {
      CAPTURE(kind.first);
      Target target(role);
      std::unique_ptr<HeardStream> near;
      if (role == broker) {
        near = target.end.open();
      } else {
        target.feed(raw::connect(3, "a") + raw::reset(3, 8));
      }
      target.take();
      // The output is taken all the time: the peer reads what it gets.
      for (int i = 0; i < 12 && !target.end.closed; ++i) {
        target.feed(many(kind.second, 100));
        if (i < 9) {
          target.take();
          CHECK_FALSE(target.end.closed);
        }
      }
      target.check_over(H2Code::enhance_your_calm, ErrorKind::limit);
    }
  }
}

TEST_CASE("the same frames at an honest pace go on for ever") {
  Target target(agent);
  for (int i = 0; i < 100; ++i) {
    target.feed(many(raw::frame(raw::ping, 0, 0, "12345678"), 90));
    CHECK(target.take().size() >= 90);
    target.rt.pass(1s);
    target.take();
  }
  CHECK_FALSE(target.end.closed);
}

TEST_CASE("a peer that floods and does not read is cut before its answers pile up") {
  Target target(agent);
  target.feed(many(raw::frame(raw::ping, 0, 0, "12345678"), 100'000));
  target.check_over(H2Code::enhance_your_calm, ErrorKind::limit);
}

TEST_CASE("a header bomb ends the link before it has blown up") {
  Target target(agent);
  // One field of 4,000 octets into the table, then two octets for each copy of it: 56 MB from 14 KB.
  const std::string value(4000, 'b');
  std::string fields = raw::block({{":method", "CONNECT"}, {":authority", "a"}});
  fields += std::string("\x40\x01x\x7f", 4) + static_cast<char>((4000 - 127) % 128 | 0x80) +
            static_cast<char>((4000 - 127) / 128) + value;
  fields += many("\xbe", 12'000);
  target.feed(raw::frame(raw::headers, raw::end_headers, 3, fields));
  CHECK(target.end.streams.empty());
  target.check_over(H2Code::enhance_your_calm, ErrorKind::limit);
}

TEST_CASE("a header block goes over eight CONTINUATION frames at most") {
  for (const std::size_t frames : {std::size_t{8}, std::size_t{9}, std::size_t{100'000}}) {
    CAPTURE(frames);
    Target target(agent);
    target.feed(raw::frame(raw::headers, 0, 3, raw::block({{":method", "CONNECT"}, {":authority", "a"}})));
    target.feed(many(raw::frame(raw::continuation, 0, 3), frames - 1));
    target.feed(raw::frame(raw::continuation, raw::end_headers, 3));
    if (frames == 8) {
      CHECK(target.end.streams.size() == 1);
      CHECK_FALSE(target.end.closed);
    } else {
      CHECK(target.end.streams.empty());
      target.check_over(H2Code::enhance_your_calm, ErrorKind::limit);
    }
  }
}

TEST_CASE("a peer that makes us reset stream after stream is cut") {
  Target target(agent);
  for (std::uint32_t id = 3; id < 3000 && !target.end.closed; id += 2) {
    target.feed(raw::head(id, {{":method", "CONNECT"}}));
    if (id % 200 == 1 && id < 1800) CHECK_FALSE(target.take().empty());
  }
  target.check_over(H2Code::enhance_your_calm, ErrorKind::limit);
}

TEST_CASE("streams beyond MAX_CONCURRENT_STREAMS are refused, and the link ended when that goes on") {
  LinkOptions options;
  options.max_streams = 10;
  TestRuntime rt;
  LinkEnd end(rt, agent, options);
  std::string bytes = raw::broker_start();  // and no SETTINGS ACK, so that the limit does not bind yet
  for (std::uint32_t id = 3; id < 43; id += 2) bytes += raw::connect(id, "a");
  end.link->receive(to_bytes(bytes));
  CHECK(end.streams.size() == 10);
  std::size_t refused = 0;
  for (const raw::Frame& frame : raw::parse(take_all(*end.link))) {
    if (frame.type == raw::rst_stream && frame.number_at(0) == 7) ++refused;
  }
  CHECK(refused == 10);
  for (std::uint32_t id = 43; id < 3000; id += 2) end.link->receive(to_bytes(raw::connect(id, "a")));
  rt.pass(Duration::zero());
  REQUIRE(end.closed);
  CHECK(end.closed->kind == ErrorKind::limit);
  end.streams.clear();
}

TEST_CASE("a table of 4 GiB that the peer allows is not taken up") {
  Target target(broker);
  target.feed(raw::frame(raw::settings, 0, 0, raw::setting(1, 0xffffffff)));
  target.take();
  // Names enough to fill it, if it were.
  std::vector<std::unique_ptr<HeardStream>> near;
  for (int i = 0; i < 90; ++i) near.push_back(target.end.open(std::string(1000, 'a') + std::to_string(i)));
  std::size_t updates = 0;
  for (const raw::Frame& frame : target.take()) {
    // RFC 7541 6.3: an encoder that changes the table's size says so; 4,096 is what it was.
    if (frame.type == raw::headers && (static_cast<std::uint8_t>(frame.payload[0]) & 0xe0) == 0x20) {
      ++updates;
      CHECK(frame.payload.substr(0, 3) == "\x3f\xe1\x1f");
    }
  }
  CHECK(updates <= 1);
}

TEST_CASE("answers without end: 1xx, a second one, trailers") {
  Target target(broker);
  const auto near = target.end.open();
  target.take();
  SUBCASE("sixteen 1xx are in order") {
    target.feed(many(raw::head(3, {{":status", "103"}}), 16) + raw::head(3, {{":status", "200"}}) +
                raw::frame(raw::data, 0, 3, "x"));
    CHECK(near->text == "x");
    CHECK_FALSE(near->closed);
  }
  SUBCASE("seventeen are not") {
    target.feed(many(raw::head(3, {{":status", "103"}}), 17));
    target.check_reset(3, H2Code::protocol_error);
    CHECK(near->closed->kind == ErrorKind::protocol);
  }
  SUBCASE("trailers") {
    target.feed(raw::head(3, {{":status", "200"}}) + raw::head(3, {{"x", "y"}}, raw::end_stream));
    target.check_reset(3, H2Code::protocol_error);
    CHECK(near->closed->kind == ErrorKind::protocol);
    CHECK_FALSE(near->ended);
  }
  SUBCASE("a second 200") {
    target.feed(raw::head(3, {{":status", "200"}}) + raw::head(3, {{":status", "200"}}));
    target.check_reset(3, H2Code::protocol_error);
    CHECK(near->closed->kind == ErrorKind::protocol);
  }
  SUBCASE("for ever, on stream after stream that is gone") {
    target.feed(raw::reset(3, 8));
    for (int i = 0; i < 20; ++i) target.feed(many(raw::head(3, {{":status", "103"}}), 100));
    target.check_over(H2Code::enhance_your_calm, ErrorKind::limit);
  }
}

TEST_CASE("visitors who leave early never end the link: a hundred thousand cancelled streams") {
  LinkPair pair;
  pair.pump();
  pair.agent.on_stream = [](HeardStream& stream) { stream.pipe->write(to_bytes("answer")); };
  std::size_t heard = 0;
  std::size_t heap = 0;
  for (int round = 0; round < 1000; ++round) {
    if (round == 100) heap = mallinfo2().uordblks;
    std::vector<std::unique_ptr<HeardStream>> near;
    for (int i = 0; i < 100; ++i) {
      near.push_back(pair.broker.open());
      near.back()->pipe->write(to_bytes("GET / HTTP/1.1\r\n\r\n"));
    }
    if (round % 2 == 0) LinkPair::carry(*pair.broker.link, *pair.agent.link, 100'000);
    near.clear();
    pair.pump();
    for (const auto& far : pair.agent.streams) heard += far->closed && far->closed->kind == ErrorKind::cancelled;
    pair.agent.streams.clear();
  }
  CHECK(heard == 50'000);
  CHECK(mallinfo2().uordblks <=
        heap + limits::stream_window);  // says nothing under a sanitizer, which counts elsewhere
  CHECK_FALSE(pair.broker.closed);
  CHECK_FALSE(pair.agent.closed);
  CHECK(pair.broker.link->stats().streams_opened == 100'000);
  CHECK(pair.agent.link->stats().streams == 0);
}

TEST_CASE("so do streams that the agent refuses or breaks") {
  LinkPair pair;
  pair.pump();
  pair.agent.accepts = false;
  int turn = 0;
  pair.agent.on_stream = [&turn](HeardStream& stream) {
    if (++turn % 2 == 0) {
      stream.pipe->refuse(ErrorKind::refused);
    } else {
      stream.pipe->reset(turn % 4 == 1 ? ErrorKind::refused : ErrorKind::io);
    }
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<std::unique_ptr<HeardStream>> near;
    for (int i = 0; i < 100; ++i) {
      near.push_back(pair.broker.open());
      near.back()->pipe->write(to_bytes("GET / HTTP/1.1\r\n\r\n"));
    }
    pair.pump();
    for (const auto& stream : near) REQUIRE(stream->closed);
    pair.agent.streams.clear();
  }
  CHECK_FALSE(pair.broker.closed);
  CHECK_FALSE(pair.agent.closed);
}

namespace {

std::string on_control_stream(const std::string& messages) { return raw::frame(raw::data, 0, 1, messages); }

// A message of each kind that may come more than once, to an end of that role, and two that carry nothing.
std::vector<std::string> control_kinds(Link::Role role) {
  std::vector<control::ControlMessage> kinds(role == broker ? 3 : 4);
  if (role == broker) {
    kinds[0].mutable_register_()->set_name("taken");
    kinds[1].mutable_unregister()->set_name("nothing");
    kinds[2].mutable_goodbye();
  } else {
    kinds[0].mutable_notice()->set_text("buy");
    kinds[1].mutable_refused()->set_message("no");
    kinds[2].mutable_registered()->set_name("other");
    kinds[3].mutable_drain();
  }
  std::vector<std::string> out;
  for (const control::ControlMessage& message : kinds) out.push_back(encode_control(message));
  out.emplace_back(1, '\0');                            // empty
  out.emplace_back(std::string("\x05\x9a\x06\x02hi"));  // of a later version
  return out;
}

}  // namespace

TEST_CASE("control messages: a hundred at once, then ten a second, and beyond it the link ends, from either side") {
  for (const Link::Role role : {broker, agent}) {
    for (const std::string& message : control_kinds(role)) {
      CAPTURE(message);
      Target target(role);
      target.feed(on_control_stream(many(message, limits::control_burst)));
      CHECK_FALSE(target.end.closed);
      const std::size_t heard = target.end.messages.size();
      target.take();
      target.rt.pass(1s);
      target.feed(on_control_stream(many(message, limits::control_rate)));
      target.take();
      CHECK_FALSE(target.end.closed);
      CHECK(target.end.messages.size() == (heard == 0 ? 0 : limits::control_burst + limits::control_rate));
      // In one frame: what is behind the first that is too many is not looked at.
      target.feed(on_control_stream(many(message, 1000)));
      CHECK(target.end.messages.size() <= (heard == 0 ? 0 : limits::control_burst + limits::control_rate + 1));
      target.check_over(H2Code::enhance_your_calm, ErrorKind::limit);
    }
  }
}

TEST_CASE("a flood of control messages is one line in the log") {
  Target target(broker);
  for (int i = 0; i < 50; ++i) target.feed(on_control_stream(many(std::string(1, '\0'), 1000)));
  target.take();
  std::size_t lines = 0;
  for (const std::string& line : target.rt.log.lines) {
    if (line.find("link-fault reason=too many control messages") != std::string::npos) ++lines;
  }
  CHECK(target.rt.log.lines.size() == 1);
  CHECK(lines == 1);
}

TEST_CASE("what answers a Register of ours is not taken from the bucket") {
  Target target(agent);
  control::ControlMessage asked;
  asked.mutable_register_()->set_request_id(1);
  control::ControlMessage answer;
  answer.mutable_registered()->set_request_id(1);
  for (int i = 0; i < 300; ++i) target.end.link->send(asked);
  target.take();
  target.feed(on_control_stream(many(encode_control(answer), 300)));
  CHECK(target.end.messages.size() == 300);
  CHECK_FALSE(target.end.closed);
  target.feed(on_control_stream(many(encode_control(answer), limits::control_burst)));
  CHECK_FALSE(target.end.closed);
  target.feed(on_control_stream(many(encode_control(answer), 2)));
  target.check_over(H2Code::enhance_your_calm, ErrorKind::limit);
}

TEST_CASE("a peer that sends as if windows had not shrunk may make a link hold its share, and not one byte more") {
  Target target(broker);
  target.feed(raw::frame(raw::settings, raw::ack, 0));  // the first SETTINGS, and none behind them
  constexpr std::size_t frame_size = 16 * limits::KiB;
  constexpr std::size_t count = limits::tunnel_buffered_most / limits::stream_window;
  std::vector<std::unique_ptr<HeardStream>> readers;
  for (std::size_t i = 0; i <= count; ++i) {
    readers.push_back(target.end.open());
    readers.back()->credits = false;
    readers.back()->keeps = false;
  }
  target.take();
  const auto id = [&](std::size_t i) { return static_cast<std::uint32_t>(readers[i]->pipe->id()); };
  for (std::size_t i = 0; i <= count; ++i) target.feed(raw::head(id(i), {{":status", "200"}}));
  const std::string full = raw::frame(raw::data, 0, 0, std::string(frame_size, 'x'));
  for (std::size_t i = 0; i < count; ++i) {
    std::string frame = full;
    frame.replace(5, 4, raw::number(id(i), 4));
    target.feed(many(frame, limits::stream_window / frame_size));
    target.take();
  }
  CHECK(target.end.link->stats().bytes_held == limits::tunnel_buffered_most);
  CHECK_FALSE(target.end.closed);
  target.feed(raw::frame(raw::data, 0, id(count), "x"));
  target.check_over(H2Code::enhance_your_calm, ErrorKind::limit);
}
