// Frame for frame: what a link sends an honest peer, however late and out of step that one is.
#include "base/limits.h"
#include "link_target.h"

using namespace tenfold;
using namespace tenfold::test;

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
    CHECK(beyond->closed->kind == ErrorKind::unbegun);
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

TEST_CASE("a take_output() that had nothing, and closed a stream unsent, has what comes of that") {
  Target target(broker);
  const auto never_sent = target.end.open();
  target.feed(raw::frame(raw::goaway, 0, 0, raw::number(1, 4) + raw::number(0, 4)));
  // The stream is closed unsent, and so the link ends, with a GOAWAY.
  const std::vector<raw::Frame> frames = raw::parse(take_output(*target.end.link));
  CHECK(never_sent->closed->kind == ErrorKind::unbegun);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].type == raw::goaway);
  CHECK_FALSE(target.end.link->want_output());
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
