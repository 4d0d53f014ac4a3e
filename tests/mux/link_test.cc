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
  pair.agent.link->send(goodbye("from the agent, before its stream 1 is there"));
  pair.pump();
  pair.broker.link->send(notice("two"));
  pair.pump();
  REQUIRE(pair.agent.messages.size() == 2);
  CHECK(pair.agent.messages[0].notice().text() == "one");
  CHECK(pair.agent.messages[1].notice().text() == "two");
  REQUIRE(pair.broker.messages.size() == 1);
  CHECK(pair.broker.link->stats().streams == 0);
}

TEST_CASE("streams are answered by the agent: accepted, or refused with the cause") {
  LinkPair pair;
  pair.agent.accepts = false;
  for (const ErrorKind cause : {ErrorKind::refused, ErrorKind::timeout, ErrorKind::dns, ErrorKind::tls}) {
    const auto near = pair.broker.open();
    near->pipe->write(to_bytes("sent before the answer"));
    pair.pump();
    HeardStream& far = *pair.agent.streams.back();
    far.pipe->set_handler(&far);
    far.pipe->refuse(cause);
    pair.pump();
    REQUIRE(near->closed);
    CHECK(near->closed->kind == cause);
    CHECK_FALSE(near->ended);
    CHECK_FALSE(far.closed);  // it was the last call
    CHECK(pair.broker.link->stats().streams == 0);
    CHECK(pair.agent.link->stats().streams == 0);
  }
  CHECK_FALSE(pair.broker.closed);
}

TEST_CASE("a reset says why, and is the last that either side hears") {
  struct Row {
    ErrorKind cut;
    ErrorKind heard;
  };
  for (const Row row : {Row{ErrorKind::cancelled, ErrorKind::cancelled}, Row{ErrorKind::refused, ErrorKind::unbegun},
                        Row{ErrorKind::io, ErrorKind::closed}, Row{ErrorKind::timeout, ErrorKind::closed}}) {
    for (const bool from_broker : {true, false}) {
      CAPTURE(from_broker);
      LinkPair pair;
      const auto near = pair.broker.open();
      pair.pump();
      HeardStream& far = *pair.agent.streams.at(0);
      HeardStream& cutter = from_broker ? *near : far;
      HeardStream& other = from_broker ? far : *near;
      cutter.pipe->write(to_bytes(pattern(100'000)));
      other.pipe->write(to_bytes(pattern(100'000)));
      cutter.pipe->reset(row.cut);
      CHECK(cutter.pipe->write(to_bytes("gone")) == 4);
      CHECK_FALSE(other.closed);
      pair.pump();
      REQUIRE(other.closed);
      CHECK(other.closed->kind == row.heard);
      CHECK(other.pipe->queued() == 0);
      CHECK_FALSE(cutter.closed);
      CHECK(cutter.text.empty());
      CHECK(pair.broker.link->stats().streams == 0);
      CHECK(pair.agent.link->stats().streams == 0);
      CHECK(pair.broker.link->stats().bytes_queued == 0);
      CHECK(pair.agent.link->stats().bytes_queued == 0);
    }
  }
}

TEST_CASE("a stream that is destroyed is cancelled, before its HEADERS left as well") {
  LinkPair pair;
  pair.pump();
  {
    const auto never_seen = pair.broker.open();
    const auto seen = pair.broker.open();
    seen->pipe->write(to_bytes("x"));
    never_seen->pipe.reset();
    pair.pump();
    REQUIRE(pair.agent.streams.size() == 1);
    CHECK_FALSE(pair.agent.streams[0]->closed);
  }
  pair.pump();
  REQUIRE(pair.agent.streams[0]->closed);
  CHECK(pair.agent.streams[0]->closed->kind == ErrorKind::cancelled);
  CHECK(pair.agent.link->stats().streams == 0);
}

TEST_CASE("a paused stream holds what comes, and tells it in a later turn") {
  LinkPair pair;
  pair.agent.accepts = false;
  const auto near = pair.broker.open();
  near->pipe->write(to_bytes("one "));
  pair.pump();
  near->pipe->write(to_bytes("two"));
  near->pipe->end();
  pair.pump();
  HeardStream& far = *pair.agent.streams.at(0);
  far.pipe->accept();
  far.pipe->set_handler(&far);
  CHECK(far.text.empty());  // never from inside the call
  pair.rt.pass(Duration::zero());
  CHECK(far.text == "one two");
  CHECK(far.ended);

  // The other way the whole stream is over before anybody listens.
  near->pipe->set_handler(nullptr);
  far.pipe->write(to_bytes("answer"));
  far.pipe->end();
  pair.pump();
  CHECK(far.closed);
  CHECK_FALSE(near->closed);
  near->pipe->set_handler(near.get());
  CHECK(near->text.empty());
  pair.rt.pass(Duration::zero());
  CHECK(near->text == "answer");
  CHECK(near->sent == 7);
  CHECK(near->ended);
  REQUIRE(near->closed);
  CHECK(near->closed->kind == ErrorKind::none);
}

TEST_CASE("a paused stream that the peer resets tells what came before, then that") {
  LinkPair pair;
  const auto near = pair.broker.open();
  near->pipe->set_handler(nullptr);
  pair.pump();
  HeardStream& far = *pair.agent.streams.at(0);
  far.pipe->write(to_bytes("half an answer"));
  pair.pump();
  far.pipe->reset(ErrorKind::io);
  pair.pump();
  near->pipe->set_handler(near.get());
  CHECK_FALSE(near->closed);
  pair.rt.pass(Duration::zero());
  REQUIRE(near->closed);
  CHECK(near->closed->kind == ErrorKind::closed);
  CHECK(near->text == "half an answer");
  CHECK(pair.rt.blocks.blocks_in_use() == 0);
}

TEST_CASE("a handler may pause, reset or bury its stream while it is told what was held") {
  for (const int what : {0, 1, 2}) {
    CAPTURE(what);
    LinkPair pair;
    const auto near = pair.broker.open();
    near->pipe->set_handler(nullptr);
    pair.pump();
    HeardStream& far = *pair.agent.streams.at(0);
    far.pipe->write(to_bytes(pattern(100'000)));
    far.pipe->end();
    pair.pump();

    struct Once final : Duplex::Handler {
      void on_data(Bytes bytes) override {
        text += to_text(bytes);
        ++calls;
        if (what == 0) stream->pipe->set_handler(nullptr);
        if (what == 1) stream->pipe->reset(ErrorKind::io);
        if (what == 2) {
          stream->pipe->set_handler(nullptr);
          graveyard->bury(std::move(stream->pipe));
        }
      }
      void on_end() override { FAIL("not told any more"); }
      void on_sent(std::size_t) override {}
      void on_closed(const Error&) override { FAIL("not told any more"); }
      std::string text;
      int calls = 0;
      int what = 0;
      HeardStream* stream = nullptr;
      Graveyard* graveyard = nullptr;
    } once;
    once.what = what;
    once.stream = near.get();
    once.graveyard = &pair.rt.graveyard;
    near->pipe->set_handler(&once);
    pair.pump();
    CHECK(once.calls == 1);
    if (what == 0) {
      near->credits = false;
      near->pipe->set_handler(near.get());
      pair.pump();
      CHECK(once.text + near->text == pattern(100'000));
      CHECK(near->ended);
    } else {
      near->pipe.reset();
      pair.pump();
      REQUIRE(far.closed);
      CHECK(pair.rt.blocks.blocks_in_use() == 0);
    }
  }
}

TEST_CASE("streams may open, write and destroy streams from inside their events") {
  LinkPair pair;
  pair.pump();
  std::vector<std::unique_ptr<HeardStream>> near;
  for (int i = 0; i < 20; ++i) near.push_back(pair.broker.open());
  // Each stream that the agent hears of destroys the one before it, and answers.
  pair.agent.on_stream = [&pair](HeardStream& stream) {
    const std::size_t count = pair.agent.streams.size();
    if (count >= 2) pair.agent.streams[count - 2]->pipe.reset();
    stream.pipe->write(to_bytes("hello"));
  };
  for (const auto& stream : near) stream->pipe->write(to_bytes("x"));
  pair.pump();
  for (int i = 0; i < 19; ++i) {
    REQUIRE(near[static_cast<std::size_t>(i)]->closed);
    CHECK(near[static_cast<std::size_t>(i)]->closed->kind == ErrorKind::cancelled);
  }
  CHECK(near[19]->text == "hello");
  CHECK(pair.broker.link->stats().streams == 1);
}

TEST_CASE("a stream that is destroyed when both ways have ended sends no RST_STREAM for it") {
  LinkPair pair;
  const auto near = pair.broker.open();
  near->pipe->end();
  pair.pump();
  struct Leaver final : Duplex::Handler {
    void on_data(Bytes) override {}
    void on_end() override {
      pipe->set_handler(nullptr);
      pipe->reset(ErrorKind::cancelled);
    }
    void on_sent(std::size_t) override {}
    void on_closed(const Error&) override {}
    LinkStream* pipe = nullptr;
  } leaver;
  leaver.pipe = near->pipe.get();
  near->pipe->set_handler(&leaver);
  pair.agent.streams.at(0)->pipe->end();
  pair.broker.link->receive(to_bytes(take_all(*pair.agent.link)));
  CHECK(take_all(*pair.broker.link).empty());
  CHECK(pair.broker.link->stats().streams == 0);
}

TEST_CASE("output may be taken from inside an event") {
  LinkPair pair;
  pair.pump();
  std::string taken;
  pair.agent.on_stream = [&](HeardStream& stream) {
    stream.pipe->write(to_bytes("at once"));
    stream.pipe->end();
    taken += take_all(*pair.agent.link);
  };
  const auto near = pair.broker.open();
  near->pipe->write(to_bytes("x"));
  near->pipe->end();
  const std::string request = take_all(*pair.broker.link);
  pair.agent.link->receive(to_bytes(request));
  CHECK_FALSE(taken.empty());
  pair.broker.link->receive(to_bytes(taken));
  pair.pump();
  CHECK(near->text == "at once");
  REQUIRE(near->closed);
  CHECK(near->closed->kind == ErrorKind::none);
  CHECK(pair.agent.streams[0]->sent == 7);
}

TEST_CASE("a name or peer that is too long opens no stream") {
  LinkPair pair;
  const std::string longest(limits::link_target_bytes, 'a');
  CHECK(pair.broker.link->open_stream({longest + "a", {}}).error().kind == ErrorKind::limit);
  CHECK(pair.broker.link->open_stream({"a", longest + "a"}).error().kind == ErrorKind::limit);
  const auto near = pair.broker.open(longest, longest);
  pair.pump();
  CHECK(pair.agent.streams.at(0)->pipe->name() == longest);
  CHECK(pair.agent.streams.at(0)->pipe->peer() == longest);
}

TEST_CASE("a link carries as many streams as both sides allow, and no id above its last") {
  LinkOptions brokers;
  LinkOptions agents;
  brokers.max_streams = 5;
  agents.max_streams = 3;
  agents.last_stream_id = brokers.last_stream_id = 13;
  LinkPair pair(brokers, agents);
  CHECK(pair.broker.link->can_open());
  CHECK_FALSE(pair.agent.link->can_open());
  pair.pump();
  std::vector<std::unique_ptr<HeardStream>> near;
  for (int i = 0; i < 3; ++i) near.push_back(pair.broker.open());  // 3, 5, 7
  CHECK_FALSE(pair.broker.link->can_open());
  CHECK(pair.broker.link->open_stream({"x", {}}).error().kind == ErrorKind::limit);
  pair.pump();
  CHECK(pair.agent.streams.size() == 3);
  near.pop_back();
  near.push_back(pair.broker.open());  // 9
  near.clear();
  pair.pump();
  for (int i = 0; i < 2; ++i) near.push_back(pair.broker.open());  // 11, 13
  CHECK_FALSE(pair.broker.link->can_open());
  CHECK(pair.broker.link->open_stream({"x", {}}).error().kind == ErrorKind::closed);
  pair.pump();
  CHECK_FALSE(pair.broker.closed);
}

TEST_CASE("a link says once that there is output, until it was taken") {
  LinkPair pair;
  pair.pump();
  CHECK_FALSE(pair.broker.link->want_output());
  const int before = pair.broker.outputs;
  const auto near = pair.broker.open();
  near->pipe->write(to_bytes("x"));
  near->pipe->end();
  pair.broker.link->send(notice("x"));
  CHECK(pair.broker.outputs == before + 1);
  CHECK(pair.broker.link->want_output());
  pair.pump();
  CHECK_FALSE(pair.broker.link->want_output());
  pair.broker.link->send(notice("x"));
  CHECK(pair.broker.outputs == before + 2);
}
