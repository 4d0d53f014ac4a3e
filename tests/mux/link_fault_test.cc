// Peers that break the protocol: what each gets, and that nothing else comes of it.
#include "base/limits.h"
#include "link_target.h"
#include "mux/control_framing.h"

using namespace tenfold;
using namespace tenfold::test;

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
  for (const auto& request : requests) {
    CAPTURE(request.first);
    Target target(agent);
    target.feed(request.second + raw::frame(raw::data, 0, 3, "ignored"));
    CHECK(target.end.streams.empty());
    target.check_reset(3, H2Code::protocol_error);
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
  Target target(agent);
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

TEST_CASE("a kind of control message that only the other side may send ends the link") {
  using control::ControlMessage;
  std::vector<ControlMessage> brokers(5);
  brokers[0].mutable_welcome();
  brokers[1].mutable_registered();
  brokers[2].mutable_refused();
  brokers[3].mutable_drain();
  brokers[4].mutable_notice();
  std::vector<ControlMessage> agents(4);
  agents[0].mutable_hello();
  agents[1].mutable_register_();
  agents[2].mutable_unregister();
  agents[3].mutable_goodbye();
  const auto fed = [](Link::Role role, const ControlMessage& message) {
    Target target(role);
    target.feed(raw::frame(raw::data, 0, 1, encode_control(message)));
    const bool heard = target.end.messages.size() == 1;
    if (!heard) target.check_over(H2Code::protocol_error, ErrorKind::protocol);
    CHECK(target.end.closed.has_value() != heard);
    return heard;
  };
  for (const ControlMessage& message : brokers) {
    CAPTURE(static_cast<int>(message.kind_case()));
    CHECK(fed(agent, message));
    CHECK_FALSE(fed(broker, message));
  }
  for (const ControlMessage& message : agents) {
    CAPTURE(static_cast<int>(message.kind_case()));
    CHECK(fed(broker, message));
    CHECK_FALSE(fed(agent, message));
  }
}

TEST_CASE("a link has one Hello and one Welcome") {
  control::ControlMessage hello;
  hello.mutable_hello()->set_agent_id("x");
  control::ControlMessage welcome;
  welcome.mutable_welcome()->set_version(1);
  for (const Link::Role role : {broker, agent}) {
    Target target(role);
    const std::string frame = raw::frame(raw::data, 0, 1, encode_control(role == broker ? hello : welcome));
    target.feed(frame);
    CHECK_FALSE(target.end.closed);
    target.feed(frame);
    CHECK(target.end.messages.size() == 1);
    target.check_over(H2Code::protocol_error, ErrorKind::protocol);
  }
}
