// Two links that speak to each other, one behaviour at a time.
#include "mux/link.h"

#include "base/limits.h"
#include "link_pair.h"

using namespace tenfold;
using namespace tenfold::test;

namespace {

std::string pattern(std::size_t size, unsigned start = 0) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 31 + (i >> 8) + start) & 0xff);
  return text;
}

control::ControlMessage notice(std::string text) {
  control::ControlMessage message;
  message.mutable_notice()->set_text(std::move(text));
  return message;
}

constexpr std::size_t whole = static_cast<std::size_t>(-1);

}  // namespace

TEST_CASE("a stream carries bytes both ways and ends each way by itself") {
  for (const std::size_t chop : {whole, std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    CAPTURE(chop);
    LinkPair pair;
    const auto near = pair.broker.open("blue-fox", "192.0.2.7:4711");
    const std::string up = pattern(100'000);
    const std::string down = pattern(70'000, 7);
    CHECK(near->pipe->write(to_bytes(up)) == 0);
    CHECK(near->pipe->queued() == up.size());
    near->pipe->end();
    pair.pump(chop);
    REQUIRE(pair.agent.streams.size() == 1);
    HeardStream& far = *pair.agent.streams[0];
    CHECK(far.pipe->name() == "blue-fox");
    CHECK(far.pipe->peer() == "192.0.2.7:4711");
    CHECK(far.text == up);
    CHECK(far.ended);
    CHECK_FALSE(far.closed);
    CHECK(near->sent == up.size());
    CHECK(near->pipe->queued() == 0);
    far.pipe->write(to_bytes(down));
    far.pipe->end();
    pair.pump(chop);
    CHECK(near->text == down);
    CHECK(near->ended);
    REQUIRE(near->closed);
    CHECK(near->closed->kind == ErrorKind::none);
    REQUIRE(far.closed);
    CHECK(far.closed->kind == ErrorKind::none);
    CHECK(pair.broker.link->stats().streams == 0);
    CHECK(pair.agent.link->stats().streams == 0);
  }
}

TEST_CASE("the agent may end first while the broker still sends") {
  LinkPair pair;
  const auto near = pair.broker.open();
  pair.pump();
  HeardStream& far = *pair.agent.streams.at(0);
  far.pipe->write(to_bytes("bye"));
  far.pipe->end();
  pair.pump();
  CHECK(near->text == "bye");
  CHECK(near->ended);
  CHECK_FALSE(near->closed);
  const std::string up = pattern(600'000);
  near->pipe->write(to_bytes(up));
  pair.pump();
  CHECK(far.text == up);
  near->pipe->end();
  pair.pump();
  CHECK(far.closed->kind == ErrorKind::none);
  CHECK(near->closed->kind == ErrorKind::none);
}

TEST_CASE("control messages go both ways, the broker's before the agent has answered") {
  LinkPair pair;
  pair.broker.link->send(notice("one"));
  pair.agent.link->send(notice("from the agent, before its stream 1 is there"));
  pair.pump();
  pair.broker.link->send(notice("two"));
  pair.pump();
  REQUIRE(pair.agent.messages.size() == 2);
  CHECK(pair.agent.messages[0].notice().text() == "one");
  CHECK(pair.agent.messages[1].notice().text() == "two");
  REQUIRE(pair.broker.messages.size() == 1);
  CHECK(pair.broker.link->stats().streams == 0);
}
