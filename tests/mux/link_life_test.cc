// How a link ends: closed, drained, lost, silent.
#include "../http2/raw_frames.h"
#include "base/limits.h"
#include "link_pair.h"

using namespace tenfold;
using namespace tenfold::test;

namespace {

control::ControlMessage goodbye(std::string reason) {
  control::ControlMessage message;
  message.mutable_goodbye()->set_reason(std::move(reason));
  return message;
}

control::ControlMessage notice(std::string text) {
  control::ControlMessage message;
  message.mutable_notice()->set_text(std::move(text));
  return message;
}

// The GOAWAYs in these bytes, as their codes.
std::vector<std::uint32_t> goaways(const std::string& bytes) {
  std::vector<std::uint32_t> codes;
  for (const raw::Frame& frame : raw::parse(bytes)) {
    if (frame.type == raw::goaway) codes.push_back(frame.number_at(4));
  }
  return codes;
}

}  // namespace

TEST_CASE("close: what the control stream has to say still goes, then GOAWAY; the rest is cut in the turn after") {
  LinkPair pair;
  const auto near = pair.broker.open();
  pair.pump();
  near->pipe->write(to_bytes(std::string(100'000, 'x')));
  pair.broker.link->send(notice("last words"));
  const int outputs = pair.broker.outputs;
  pair.broker.link->close();
  CHECK(pair.broker.outputs == outputs);  // it was announced already
  CHECK_FALSE(pair.broker.closed);
  CHECK_FALSE(near->closed);
  CHECK_FALSE(pair.broker.link->can_open());

  SUBCASE("the output is taken first") {}
  SUBCASE("the turn comes first") { pair.rt.pass(Duration::zero()); }

  const std::string out = take_all(*pair.broker.link);
  CHECK(goaways(out) == std::vector<std::uint32_t>{0});
  CHECK(raw::parse(out).back().type == raw::goaway);
  pair.rt.pass(Duration::zero());
  REQUIRE(near->closed);
  CHECK(near->closed->kind == ErrorKind::closed);
  REQUIRE(pair.broker.closed);
  CHECK(pair.broker.closed->kind == ErrorKind::none);
  CHECK(pair.broker.link->closed());
  pair.agent.link->receive(to_bytes(out));
  REQUIRE(pair.agent.messages.size() == 1);
  CHECK(pair.agent.messages[0].notice().text() == "last words");
  CHECK(pair.agent.draining);
  CHECK(pair.agent.streams.at(0)->text.empty());
  pair.agent.link->end_of_input({});
  REQUIRE(pair.agent.closed);
  CHECK(pair.agent.streams[0]->closed);
}

TEST_CASE("a broker that drains opens no stream, and closes when the last one ends") {
  LinkPair pair;
  const auto near = pair.broker.open();
  pair.pump();
  pair.broker.link->drain();
  pair.broker.link->drain();
  CHECK_FALSE(pair.broker.link->can_open());
  CHECK(pair.broker.link->open_stream({"x", {}}).error().kind == ErrorKind::closed);
  near->pipe->write(to_bytes("still flows"));
  pair.pump();
  CHECK(pair.agent.streams.at(0)->text == "still flows");
  CHECK_FALSE(pair.broker.closed);
  pair.broker.link->send(notice("still heard"));
  near->pipe->end();
  pair.agent.streams[0]->pipe->end();
  pair.pump();
  CHECK(near->closed->kind == ErrorKind::none);
  REQUIRE(pair.broker.closed);
  CHECK(pair.broker.closed->kind == ErrorKind::none);
  // The agent had no stream left either when the GOAWAY came.
  CHECK(pair.agent.draining);
  REQUIRE(pair.agent.closed);
  CHECK(pair.agent.closed->kind == ErrorKind::none);
  CHECK(pair.agent.messages.size() == 1);
}

TEST_CASE("an idle link that drains closes at once") {
  LinkPair pair;
  pair.pump();
  SUBCASE("broker") { pair.broker.link->drain(); }
  SUBCASE("agent") { pair.agent.link->drain(); }
  pair.pump();
  REQUIRE(pair.broker.closed);
  REQUIRE(pair.agent.closed);
  CHECK(pair.broker.closed->kind == ErrorKind::none);
  CHECK(pair.agent.closed->kind == ErrorKind::none);
}

TEST_CASE("an agent that drains refuses streams that cross its GOAWAY; those that run go on") {
  LinkPair pair;
  const auto running = pair.broker.open();
  pair.pump();
  pair.agent.link->drain();
  const auto crossing = pair.broker.open();  // before the GOAWAY is there
  crossing->pipe->write(to_bytes("lost"));
  SUBCASE("before the GOAWAY leaves") {}
  SUBCASE("after it") {
    const std::string out = take_all(*pair.agent.link);
    LinkPair::carry(*pair.broker.link, *pair.agent.link, 1000);
    pair.broker.link->receive(to_bytes(out));
  }
  pair.pump();
  CHECK(pair.broker.draining);
  REQUIRE(crossing->closed);
  CHECK(crossing->closed->kind == ErrorKind::unbegun);
  CHECK(pair.agent.streams.size() == 1);
  CHECK_FALSE(pair.broker.link->can_open());
  CHECK_FALSE(pair.agent.closed);
  running->pipe->write(to_bytes("on and on"));
  pair.pump();
  CHECK(pair.agent.streams[0]->text == "on and on");
  running->pipe->end();
  pair.agent.streams[0]->pipe->end();
  pair.pump();
  CHECK(running->closed->kind == ErrorKind::none);
  CHECK(pair.agent.closed->kind == ErrorKind::none);
  CHECK(pair.broker.closed->kind == ErrorKind::none);
}

TEST_CASE("an agent that drains says what it has to say first, and its GOAWAY goes before the streams' bytes") {
  LinkPair pair;
  const auto running = pair.broker.open();
  pair.pump();
  pair.agent.streams.at(0)->pipe->write(to_bytes(std::string(100'000, 'x')));
  pair.agent.link->send(goodbye("goodbye"));
  pair.agent.link->drain();
  const std::string out = take_all(*pair.agent.link);
  std::vector<std::string> order;
  for (const raw::Frame& frame : raw::parse(out)) {
    if (frame.type == raw::goaway) order.push_back("goaway");
    if (frame.type == raw::data && frame.id == 1) order.push_back("control");
    if (frame.type == raw::data && frame.id != 1 && order.size() == 2) order.push_back("stream");
  }
  CHECK(order == std::vector<std::string>{"control", "goaway", "stream"});
  pair.broker.link->receive(to_bytes(out));
  REQUIRE(pair.broker.messages.size() == 1);
  CHECK(pair.broker.draining);
  pair.agent.streams[0]->pipe->end();
  running->pipe->end();
  pair.pump();
  CHECK(running->text.size() == 100'000);
  CHECK(pair.broker.closed->kind == ErrorKind::none);
  CHECK(pair.agent.closed->kind == ErrorKind::none);
}

TEST_CASE("an agent's GOAWAY waits for the control stream over several rooms, and leaves once") {
  LinkPair pair;
  const auto running = pair.broker.open();
  pair.pump();
  for (int i = 0; i < 5; ++i) pair.agent.link->send(goodbye(std::string(30'000, 'x')));
  pair.agent.link->drain();
  SUBCASE("drained") {}
  SUBCASE("and closed before a byte left") { pair.agent.link->close(); }
  const std::string out = take_all(*pair.agent.link);
  CHECK(goaways(out) == std::vector<std::uint32_t>{0});
  CHECK(raw::parse(out).back().type == raw::goaway);
  pair.broker.link->receive(to_bytes(out));
  CHECK(pair.broker.messages.size() == 5);
}

TEST_CASE("a transport that ends ends the link and its streams, with its reason") {
  for (const Error& why : {Error{ErrorKind::io, "connection reset"}, Error{}}) {
    LinkPair pair;
    const auto near = pair.broker.open();
    const auto paused = pair.broker.open();
    paused->pipe->set_handler(nullptr);
    pair.pump();
    pair.broker.link->end_of_input(why);
    const ErrorKind expected = why ? why.kind : ErrorKind::closed;
    REQUIRE(near->closed);
    CHECK(near->closed->kind == expected);
    REQUIRE(pair.broker.closed);
    CHECK(pair.broker.closed->kind == expected);
    CHECK_FALSE(pair.broker.link->can_open());
    CHECK(near->pipe->write(to_bytes("gone")) == 4);
    near->pipe->end();
    near->pipe->reset(ErrorKind::io);
    near->pipe->credit(0);
    pair.broker.link->send(notice("nobody"));
    pair.broker.link->receive(to_bytes("anything"));
    pair.broker.link->end_of_input(why);
    pair.broker.link->close();
    CHECK_FALSE(paused->closed);
    paused->pipe->set_handler(paused.get());
    pair.rt.pass(Duration::zero());
    REQUIRE(paused->closed);
    CHECK(paused->closed->kind == expected);
  }
}

TEST_CASE("a stream outlives its link, and hears of its end") {
  LinkPair pair;
  const auto near = pair.broker.open();
  const auto paused = pair.broker.open();
  paused->pipe->set_handler(nullptr);
  near->pipe->write(to_bytes("x"));
  pair.pump();
  pair.agent.streams.at(0)->pipe->write(to_bytes("y"));
  pair.pump();
  near->credits = false;
  pair.broker.link.reset();
  REQUIRE(near->closed);
  CHECK(near->closed->kind == ErrorKind::closed);
  CHECK(near->pipe->write(to_bytes("gone")) == 4);
  paused->pipe->set_handler(paused.get());
  pair.rt.pass(Duration::zero());
  CHECK(paused->closed);
  pair.agent.link->end_of_input({});
}

TEST_CASE("a silent peer is given up after two PINGs, ten seconds after the first without an answer") {
  LinkPair pair;
  const auto near = pair.broker.open();
  pair.pump();
  CHECK(pair.broker.link->stats().rtt > Duration::zero());
  for (int i = 0; i < 20; ++i) {
    pair.rt.pass(1s);
    pair.pump();
  }
  CHECK_FALSE(pair.broker.closed);
  // From here on nothing comes back.
  const TimePoint silent = pair.rt.timers.now();
  while (!pair.broker.closed && pair.rt.timers.now() < silent + 60s) {
    pair.rt.pass(100ms);
    take_all(*pair.broker.link);
  }
  REQUIRE(pair.broker.closed);
  CHECK(pair.broker.closed->kind == ErrorKind::timeout);
  CHECK(near->closed->kind == ErrorKind::timeout);
  CHECK(pair.rt.timers.now() - silent >= 10s);
  CHECK(pair.rt.timers.now() - silent <= 15s + 200ms);
}

TEST_CASE("any byte is a sign of life") {
  LinkPair pair;
  pair.pump();
  const std::string frame = raw::frame(raw::data, 0, 1, std::string(1000, '\0'));
  std::size_t at = 0;
  for (int i = 0; i < 60; ++i) {
    pair.rt.pass(1s);
    take_all(*pair.broker.link);  // its PINGs are never answered
    pair.broker.link->receive(to_bytes(frame).subspan(at++ % frame.size(), 1));
  }
  CHECK_FALSE(pair.broker.closed);
}

TEST_CASE("a PING's answer is the round trip, and another PING's is not") {
  LinkPair pair;
  pair.pump();
  pair.rt.pass(6s);  // the broker's side leaves the other a moment to ping first
  const std::string out = take_all(*pair.broker.link);
  const std::vector<raw::Frame> frames = raw::parse(out);
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].type == raw::ping);
  CHECK(frames[0].flags == 0);
  CHECK(frames[0].payload.substr(0, 4) == std::string(4, '\0'));  // a number, and nothing secret
  pair.rt.pass(40ms);
  const Duration before = pair.broker.link->stats().rtt;
  pair.broker.link->receive(to_bytes(raw::frame(raw::ping, raw::ack, 0, "\1\2\3\4\5\6\7\x8")));
  CHECK(pair.broker.link->stats().rtt == before);
  pair.broker.link->receive(to_bytes(raw::frame(raw::ping, raw::ack, 0, frames[0].payload)));
  CHECK(pair.broker.link->stats().rtt == before + before / 4 + 1us);  // not yet 40 ms: it rises slowly
}

TEST_CASE("a link that is closed from inside its own event hears of it in a later turn") {
  LinkPair pair;
  pair.pump();
  pair.agent.on_stream = [&pair](HeardStream& stream) {
    pair.agent.link->close();
    CHECK_FALSE(pair.agent.closed);
    stream.pipe->write(to_bytes("never sent"));
  };
  const auto near = pair.broker.open();
  const auto other = pair.broker.open();
  pair.pump();
  CHECK(pair.agent.streams.size() == 1);
  REQUIRE(pair.agent.closed);
  CHECK(pair.agent.streams[0]->closed);
  CHECK(pair.broker.draining);
  CHECK(near->text.empty());
}

TEST_CASE("the transport may end from inside an event of the link") {
  LinkPair pair;
  pair.pump();
  pair.agent.on_stream = [&pair](HeardStream&) {
    pair.agent.link->end_of_input({ErrorKind::io, "gone"});
    CHECK_FALSE(pair.agent.closed);
  };
  const auto near = pair.broker.open();
  pair.pump();
  REQUIRE(pair.agent.closed);
  CHECK(pair.agent.closed->kind == ErrorKind::io);
}
