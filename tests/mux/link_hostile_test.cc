// Peers that no library would be: what each gets, and that nothing else comes of it.
#include <malloc.h>

#include "base/limits.h"
#include "link_pair.h"
#include "mux/h2_code.h"
#include "raw_frames.h"

using namespace tenfold;
using namespace tenfold::test;

namespace {

// One link of ours, and a peer that is the test.
struct Target {
  explicit Target(Link::Role role, const LinkOptions& options = {}) : end(rt, role, options) {
    take();
    feed(role == Link::Role::agent ? raw::broker_start() : raw::agent_start());
    take();
  }
  ~Target() { end.streams.clear(); }

  void feed(const std::string& bytes) { end.link->receive(to_bytes(bytes)); }
  std::vector<raw::Frame> take() {
    rt.pass(Duration::zero());
    std::vector<raw::Frame> frames = raw::parse(take_all(*end.link));
    rt.pass(Duration::zero());
    return frames;
  }
  // The link is over: GOAWAY with that code, then the owner hears of it.
  void check_over(H2Code code, ErrorKind kind) {
    const std::vector<raw::Frame> frames = take();
    REQUIRE_FALSE(frames.empty());
    const raw::Frame* goaway = nullptr;
    for (const raw::Frame& frame : frames) {
      if (frame.type == raw::goaway) goaway = &frame;
    }
    REQUIRE(goaway != nullptr);
    CHECK(goaway->number_at(4) == static_cast<std::uint32_t>(code));
    REQUIRE(end.closed);
    CHECK(end.closed->kind == kind);
    CHECK_FALSE(end.closed->detail.empty());
    CHECK(end.link->closed());
    feed(raw::frame(raw::ping, 0, 0, "12345678"));
    CHECK(take().empty());
  }
  // One stream was reset, and the link goes on.
  void check_reset(std::uint32_t id, H2Code code) {
    bool found = false;
    for (const raw::Frame& frame : take()) {
      CHECK(frame.type != raw::goaway);
      if (frame.type != raw::rst_stream || frame.id != id) continue;
      CHECK(frame.number_at(0) == static_cast<std::uint32_t>(code));
      found = true;
    }
    CHECK(found);
    CHECK_FALSE(end.closed);
    feed(raw::frame(raw::ping, 0, 0, "12345678"));
    const std::vector<raw::Frame> frames = take();
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].type == raw::ping);
  }

  TestRuntime rt;
  LinkEnd end;
};

constexpr Link::Role broker = Link::Role::broker;
constexpr Link::Role agent = Link::Role::agent;

std::string many(const std::string& frame, std::size_t count) {
  std::string all;
  all.reserve(frame.size() * count);
  for (std::size_t i = 0; i < count; ++i) all += frame;
  return all;
}

}  // namespace

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
    for (const auto& [name, frame] : kinds) {
      CAPTURE(name);
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
        target.feed(many(frame, 100));
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

TEST_CASE("stream ids must go up") {
  Target target(agent);
  target.feed(raw::connect(7, "a") + raw::connect(5, "b"));
  CHECK(target.end.streams.size() == 1);
  target.check_over(H2Code::protocol_error, ErrorKind::protocol);
  REQUIRE(target.end.streams[0]->closed);
  CHECK(target.end.streams[0]->closed->kind == ErrorKind::protocol);
}

TEST_CASE("a stream with an even id is a fault") {
  Target target(agent);
  target.feed(raw::connect(4, "a"));
  target.check_over(H2Code::protocol_error, ErrorKind::protocol);
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

TEST_CASE("a request other than a plain CONNECT is reset") {
  const std::vector<std::pair<std::string, std::string>> requests = {
      {"GET", raw::head(3, {{":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", "a"}})},
      {"CONNECT with a path",
       raw::head(3, {{":method", "CONNECT"}, {":scheme", "https"}, {":path", "/"}, {":authority", "a"}})},
      {"CONNECT without an authority", raw::head(3, {{":method", "CONNECT"}})},
      {"two peers",
       raw::head(3, {{":method", "CONNECT"}, {":authority", "a"}, {"tenfold-peer", "1"}, {"tenfold-peer", "2"}})},
      {"an upper-case field", raw::head(3, {{":method", "CONNECT"}, {":authority", "a"}, {"Tenfold-Peer", "1"}})},
      {"a line end in a field", raw::head(3, {{":method", "CONNECT"}, {":authority", "a"}, {"x", "a\r\nb: c"}})},
  };
  for (const auto& [name, bytes] : requests) {
    CAPTURE(name);
    Target target(agent);
    target.feed(bytes + raw::frame(raw::data, 0, 3, "ignored"));
    CHECK(target.end.streams.empty());
    target.check_reset(3, H2Code::protocol_error);
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

TEST_CASE("an agent with no room for streams, or no window, gets none, and the link stands") {
  SUBCASE("MAX_CONCURRENT_STREAMS 0") {
    Target target(broker);
    target.feed(raw::frame(raw::settings, 0, 0, raw::setting(3, 0)));
    CHECK_FALSE(target.end.link->can_open());
    CHECK(target.end.link->open_stream({"a", {}}).error().kind == ErrorKind::limit);
    target.feed(raw::frame(raw::settings, 0, 0, raw::setting(3, 2)));
    const auto near = target.end.open();
    CHECK_FALSE(target.end.link->can_open());
  }
  SUBCASE("INITIAL_WINDOW_SIZE 0, and opened later") {
    Target target(broker);
    target.feed(raw::frame(raw::settings, 0, 0, raw::setting(4, 0)));
    target.take();
    const auto near = target.end.open();
    near->pipe->write(to_bytes("hello"));
    near->pipe->end();
    for (const raw::Frame& frame : target.take()) CHECK(frame.type != raw::data);
    CHECK_FALSE(target.end.link->want_output());
    target.feed(raw::open_window(3, 2));
    std::vector<raw::Frame> frames = target.take();
    REQUIRE(frames.size() == 1);
    CHECK(frames[0].payload == "he");
    target.feed(raw::frame(raw::settings, 0, 0, raw::setting(4, 100)));
    frames = target.take();
    REQUIRE(frames.size() == 2);  // the ACK, too
    CHECK(frames[1].payload == "llo");
    CHECK(frames[1].flags == raw::end_stream);
  }
  SUBCASE("a control stream that is never read") {
    Target target(broker);
    control::ControlMessage message;
    message.mutable_notice()->set_text(std::string(60'000, 'x'));
    target.feed(raw::frame(raw::settings, 0, 0, raw::setting(4, 0)));
    for (int i = 0; i < 30; ++i) target.end.link->send(message);
    target.check_over(H2Code::enhance_your_calm, ErrorKind::limit);
  }
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

TEST_CASE("DATA before the answer, on a stream that was never opened, or on stream 0, ends the link") {
  for (const std::uint32_t id : {3U, 99U, 2U, 0U}) {
    CAPTURE(id);
    Target target(broker);
    const auto near = target.end.open();
    target.take();
    target.feed(raw::frame(raw::data, 0, id, "x"));
    CHECK(near->text.empty());
    target.check_over(H2Code::protocol_error, ErrorKind::protocol);
  }
  Target target(agent);
  target.feed(raw::frame(raw::data, 0, 3, "x"));
  target.check_over(H2Code::protocol_error, ErrorKind::protocol);
}

TEST_CASE("other faults of the connection") {
  struct Row {
    std::string what;
    Link::Role role;
    std::string bytes;
    H2Code code;
  };
  const std::vector<Row> rows = {
      {"PUSH_PROMISE", broker,
       raw::frame(raw::push_promise, raw::end_headers, 1, raw::number(2, 4) + raw::block({{":method", "GET"}})),
       H2Code::protocol_error},
      {"a stream opened by the agent", broker, raw::connect(2, "a"), H2Code::protocol_error},
      {"an odd stream opened by the agent", broker, raw::connect(99, "a"), H2Code::protocol_error},
      {"a window of more than 2^31-1", broker, raw::open_window(0, 0x7fffffff), H2Code::flow_control_error},
      {"an initial window of more than 2^31-1", agent, raw::frame(raw::settings, 0, 0, raw::setting(4, 0x80000000)),
       H2Code::flow_control_error},
      {"a frame that is too long", agent, raw::frame(raw::data, 0, 1, std::string(16'385, 'x')),
       H2Code::frame_size_error},
      {"HPACK that is none", agent, raw::frame(raw::headers, raw::end_headers, 3, "\xff\xff\xff\xff\xff\xff"),
       H2Code::compression_error},
      {"CONTINUATION without HEADERS", agent, raw::frame(raw::continuation, raw::end_headers, 3, "x"),
       H2Code::protocol_error},
      {"WINDOW_UPDATE on an idle stream", agent, raw::open_window(9, 1), H2Code::protocol_error},
      {"RST_STREAM on an idle stream", agent, raw::reset(9, 8), H2Code::protocol_error},
      {"DATA in mid-header", agent,
       raw::frame(raw::headers, 0, 3, raw::block({{":method", "CONNECT"}})) + raw::frame(raw::data, 0, 1, "x"),
       H2Code::protocol_error},
      {"a PING of seven octets", agent, raw::frame(raw::ping, 0, 0, "1234567"), H2Code::frame_size_error},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Target target(row.role);
    target.feed(row.bytes);
    target.check_over(row.code, ErrorKind::protocol);
  }
}

TEST_CASE("a preface that is none ends the link") {
  for (const char* bytes : {"GET / HTTP/1.1\r\nHost: example\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\rx"}) {
    TestRuntime rt;
    LinkEnd end(rt, agent, {});
    end.link->receive(to_bytes(bytes));
    rt.pass(Duration::zero());
    REQUIRE(end.closed);
    CHECK(end.closed->kind == ErrorKind::protocol);
    CHECK(raw::parse(take_all(*end.link)).back().type == raw::goaway);
  }
  TestRuntime rt;
  LinkEnd end(rt, broker, {});
  end.link->receive(to_bytes(raw::frame(raw::ping, 0, 0, "12345678")));  // not SETTINGS
  take_all(*end.link);
  rt.pass(Duration::zero());
  REQUIRE(end.closed);
  CHECK(end.closed->kind == ErrorKind::protocol);
}

TEST_CASE("the first stream is the control stream, and nothing else is") {
  const auto closed_by = [](const std::string& first) {
    TestRuntime rt;
    LinkEnd end(rt, agent, {});
    end.link->receive(to_bytes(std::string(raw::preface) + raw::frame(raw::settings, 0, 0) + first));
    take_all(*end.link);
    rt.pass(Duration::zero());
    CHECK(end.streams.empty());
    return end.closed && end.closed->kind == ErrorKind::protocol;
  };
  CHECK(closed_by(raw::connect(1, "blue-fox")));
  CHECK(closed_by(raw::connect(3, "control")));
  CHECK_FALSE(closed_by(raw::connect(1, "control")));
  // On another stream it is a name like any other.
  Target target(agent);
  target.feed(raw::connect(3, "control"));
  REQUIRE(target.end.streams.size() == 1);
  CHECK(target.end.streams[0]->pipe->name() == "control");
}

TEST_CASE("the control stream lives as long as the link") {
  for (const std::string& bytes : {raw::reset(1, 8), raw::frame(raw::data, raw::end_stream, 1)}) {
    for (const Link::Role role : {broker, agent}) {
      Target target(role);
      target.feed(bytes);
      target.check_over(H2Code::protocol_error, ErrorKind::protocol);
    }
  }
  TestRuntime rt;
  LinkEnd end(rt, broker, {});
  take_all(*end.link);
  end.link->receive(to_bytes(raw::frame(raw::settings, 0, 0) + raw::head(1, {{":status", "404"}}, raw::end_stream)));
  take_all(*end.link);
  rt.pass(Duration::zero());
  REQUIRE(end.closed);
  CHECK(end.closed->kind == ErrorKind::protocol);
}

TEST_CASE("control messages that are none, or too long") {
  for (const Link::Role role : {broker, agent}) {
    Target garbage(role);
    garbage.feed(raw::frame(raw::data, 0, 1, "\x02\xff\xff"));
    garbage.check_over(H2Code::protocol_error, ErrorKind::protocol);
    Target huge(role);
    huge.feed(raw::frame(raw::data, 0, 1, "\x81\x80\x04"));
    huge.check_over(H2Code::protocol_error, ErrorKind::limit);
  }
}

TEST_CASE("control messages of unknown kind are passed over in silence") {
  Target target(broker);
  target.feed(raw::frame(raw::data, 0, 1, std::string("\x05\x9a\x06\x02hi\x00\x05\x2a\x03\x0a\x01x", 13)));
  REQUIRE(target.end.messages.size() == 1);
  CHECK(target.end.messages[0].notice().text() == "x");
  CHECK_FALSE(target.end.closed);
}

TEST_CASE("a stream that overruns its window is reset, a connection that does is ended") {
  LinkOptions options;
  options.stream_window = 1000;
  options.link_window = 65'535;
  SUBCASE("stream") {
    Target target(agent, options);
    target.feed(raw::frame(raw::settings, raw::ack, 0));  // the window binds from here on
    target.feed(raw::connect(3, "a") + raw::frame(raw::data, 0, 3, std::string(1001, 'x')));
    target.check_reset(3, H2Code::flow_control_error);
    CHECK(target.end.streams.at(0)->closed->kind == ErrorKind::protocol);
  }
  SUBCASE("one stream after the other") {
    Target target(agent, options);
    target.feed(raw::frame(raw::settings, raw::ack, 0));
    for (std::uint32_t id = 3; id < 3000; id += 2) {
      target.feed(raw::connect(id, "a") + raw::frame(raw::data, 0, id, std::string(1001, 'x')));
      target.take();
    }
    REQUIRE(target.end.closed);
    CHECK(target.end.closed->kind == ErrorKind::limit);
  }
}

TEST_CASE("credit is returned for bytes that were told, and for no more of them") {
  LinkOptions options;
  options.stream_window = options.stream_window_most = 4000;
  Target target(agent, options);
  struct Slow final : Duplex::Handler {
    void on_data(Bytes bytes) override {
      total += bytes.size();
      if (first) pipe->credit(bytes.size());
      first = false;
    }
    void on_end() override {}
    void on_sent(std::size_t) override {}
    void on_closed(const Error&) override {}
    LinkStream* pipe = nullptr;
    bool first = true;
    std::size_t total = 0;
  } slow;
  target.end.on_stream = [&slow](HeardStream& stream) {
    slow.pipe = stream.pipe.get();
    stream.pipe->set_handler(&slow);
  };
  // The second frame has arrived with the first when that is credited.
  target.feed(raw::connect(3, "a") + raw::frame(raw::data, 0, 3, std::string(2000, 'x')) +
              raw::frame(raw::data, 0, 3, std::string(2000, 'y')));
  CHECK(slow.total == 4000);
  std::size_t credited = 0;
  for (const raw::Frame& frame : target.take()) {
    if (frame.type == raw::window_update && frame.id == 3) credited += frame.number_at(0);
  }
  CHECK(credited == 2000);
  target.end.streams[0]->pipe->set_handler(nullptr);
}

TEST_CASE("padding, and what comes for streams that are gone, is credited like everything else") {
  LinkOptions options;
  options.stream_window = options.stream_window_most = 4000;
  options.link_window = 65'535;
  Target target(agent, options);
  target.feed(raw::connect(3, "a") + raw::connect(5, "b") + raw::reset(5, 8));
  const std::string padded = raw::frame(raw::data, 0x8, 3, "\x64hello" + std::string(100, '\0'));
  const std::string ignored = raw::frame(raw::data, 0, 5, std::string(500, 'x'));
  std::int64_t stream_window = 4000;
  std::int64_t connection_window = 65'535;
  for (int i = 0; i < 5000; ++i) {
    target.feed(padded + ignored);
    stream_window -= 106;
    connection_window -= 606;
    for (const raw::Frame& frame : target.take()) {
      if (frame.type != raw::window_update) continue;
      (frame.id == 0 ? connection_window : stream_window) += frame.number_at(0);
    }
    REQUIRE(stream_window > 1000);
    REQUIRE(connection_window > 20'000);
  }
  CHECK_FALSE(target.end.closed);
}

TEST_CASE("GOAWAY from the peer: with NO_ERROR the streams go on, with another code the link is over") {
  Target target(broker);
  const auto near = target.end.open();
  const auto beyond = target.end.open();
  target.take();
  target.feed(raw::head(3, {{":status", "200"}}));
  SUBCASE("NO_ERROR") {
    const std::string goaway = raw::frame(raw::goaway, 0, 0, raw::number(3, 4) + raw::number(0, 4));
    target.feed(goaway + goaway);
    CHECK(target.end.draining);
    CHECK_FALSE(target.end.link->can_open());
    CHECK(target.end.link->open_stream({"a", {}}).error().kind == ErrorKind::closed);
    REQUIRE(beyond->closed);
    CHECK(beyond->closed->kind == ErrorKind::refused);
    target.feed(raw::frame(raw::data, raw::end_stream, 3, "on"));
    CHECK(near->text == "on");
    near->pipe->end();
    target.take();
    CHECK(near->closed->kind == ErrorKind::none);
    REQUIRE(target.end.closed);
    CHECK(target.end.closed->kind == ErrorKind::none);
  }
  SUBCASE("another code") {
    target.feed(raw::frame(raw::goaway, 0, 0, raw::number(3, 4) + raw::number(11, 4) + "be calm"));
    target.take();
    CHECK(near->closed->kind == ErrorKind::closed);
    REQUIRE(target.end.closed);
    CHECK(target.end.closed->kind == ErrorKind::closed);
    CHECK(target.end.closed->detail.find("ENHANCE_YOUR_CALM") != std::string::npos);
  }
}

TEST_CASE("output that a take_output() without output brings about is announced") {
  Target target(broker);
  const auto never_sent = target.end.open();
  target.feed(raw::frame(raw::goaway, 0, 0, raw::number(1, 4) + raw::number(0, 4)));
  const int outputs = target.end.outputs;
  std::vector<std::uint8_t> room(limits::flush_small);
  // The stream is closed unsent, and so the link ends, with a GOAWAY.
  CHECK(target.end.link->take_output(room) == 0);
  CHECK(never_sent->closed->kind == ErrorKind::refused);
  CHECK(target.end.link->want_output());
  CHECK(target.end.outputs == outputs + 1);
  target.take();
  REQUIRE(target.end.closed);
  CHECK(target.end.closed->kind == ErrorKind::none);
}

TEST_CASE("a stream that the agent's answer and RST_STREAM end early is not a clean end") {
  Target target(broker);
  const auto near = target.end.open();
  near->pipe->write(to_bytes("request"));
  target.take();
  target.feed(raw::head(3, {{":status", "200"}}) + raw::frame(raw::data, raw::end_stream, 3, "answer") +
              raw::reset(3, 0));
  target.take();
  CHECK(near->text == "answer");
  CHECK(near->ended);
  REQUIRE(near->closed);
  CHECK(near->closed->kind == ErrorKind::closed);
}

TEST_CASE("an agent answers a refusal with an end and RST_STREAM NO_ERROR, and takes what comes until then") {
  Target target(agent);
  target.end.accepts = false;
  target.feed(raw::connect(3, "a") + raw::frame(raw::data, 0, 3, "x"));
  target.end.streams.at(0)->pipe->refuse(ErrorKind::timeout);
  const std::vector<raw::Frame> frames = target.take();
  REQUIRE(frames.size() == 2);
  CHECK(frames[0].type == raw::headers);
  CHECK(frames[0].flags == (raw::end_headers | raw::end_stream));
  CHECK(frames[1].type == raw::rst_stream);
  CHECK(frames[1].number_at(0) == 0);
  target.feed(raw::frame(raw::data, raw::end_stream, 3, "y"));
  CHECK_FALSE(target.end.closed);
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
