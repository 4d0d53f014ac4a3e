// A link between replicas: what it says beside an agent's link, and that none of it is believed on any other.
#include <doctest/doctest.h>

#include <array>

#include "link_target.h"
#include "mux/stream_head.h"

namespace tenfold::test {
namespace {

LinkOptions peers() {
  LinkOptions options;
  options.peers = true;
  return options;
}

constexpr std::string_view zero = "0000000000000000";

// An open as a replica writes it, or nearly so.
std::string open(std::uint32_t id, std::string_view hop, std::string_view policy = zero) {
  return raw::head(
      id, {{":method", "CONNECT"}, {":authority", "blue-fox"}, {"tenfold-hop", hop}, {"tenfold-policy", policy}});
}

control::ControlMessage drain() {
  control::ControlMessage message;
  message.mutable_drain()->set_deadline_ms(5);
  return message;
}

}  // namespace

TEST_CASE("the fields between replicas are spelt as in the specification") {
  CHECK(hop_field == "tenfold-hop");
  CHECK(policy_field == "tenfold-policy");
  CHECK(cause_word(ErrorKind::absent) == "not-here");
  CHECK(cause_word(ErrorKind::denied) == "stale");
  CHECK(cause_word(ErrorKind::silent) == "agent-away");
}

TEST_CASE("a policy's version is sixteen digits, and nothing else is one") {
  PolicyDigits digits;
  CHECK(digits.write(0) == zero);
  CHECK(digits.write(0x1a2b) == "0000000000001a2b");
  CHECK(digits.write(0xffffffffffffffff) == "ffffffffffffffff");
  CHECK(PolicyDigits::read("0123456789abcdef") == 0x0123456789abcdef);
  for (const std::string_view bad : {"", "1a2b", "000000000000000g", "00000000000000001", "-000000000000001"}) {
    CAPTURE(bad);
    CHECK_FALSE(PolicyDigits::read(bad));
  }
}

TEST_CASE("a stream between replicas carries the version of the rules that its opener has checked") {
  LinkPair pair(peers());
  pair.pump();
  Result<std::unique_ptr<LinkStream>> stream =
      pair.broker.link->open_stream({"blue-fox", "192.0.2.1:1", 0x123456789abcdef0});
  REQUIRE(stream);
  pair.pump();
  REQUIRE(pair.agent.streams.size() == 1);
  const LinkStream& far = *pair.agent.streams[0]->pipe;
  CHECK(far.name() == "blue-fox");
  CHECK(far.peer() == "192.0.2.1:1");
  CHECK(far.policy() == 0x123456789abcdef0);
}

TEST_CASE("an open without its hop, with another one, or without a policy is reset, and the link goes on") {
  Target target(agent, peers());
  std::uint32_t id = 3;
  for (const std::string& bad :
       {raw::connect(id, "blue-fox"), open(id + 2, "2"), open(id + 4, "0"), open(id + 6, ""), open(id + 8, "1", "7"),
        raw::head(id + 10, {{":method", "CONNECT"}, {":authority", "blue-fox"}, {"tenfold-hop", "1"}}),
        raw::head(id + 12, {{":method", "CONNECT"},
                            {":authority", "blue-fox"},
                            {"tenfold-hop", "1"},
                            {"tenfold-hop", "1"},
                            {"tenfold-policy", zero}})}) {
    CAPTURE(id);
    target.feed(bad);
    target.check_reset(id, H2Code::protocol_error);
    id += 2;
  }
  CHECK(target.end.streams.empty());
  target.feed(open(id, "1", "00000000000000ff"));
  REQUIRE(target.end.streams.size() == 1);
  CHECK(target.end.streams[0]->pipe->policy() == 255);
}

TEST_CASE("an agent believes neither hop nor policy") {
  Target target(agent);
  target.feed(open(3, "2", "00000000000000ff"));
  REQUIRE(target.end.streams.size() == 1);
  CHECK(target.end.streams[0]->pipe->policy() == 0);
}

TEST_CASE("to an agent neither is written") {
  LinkPair pair;
  pair.pump();
  REQUIRE(pair.broker.link->open_stream({"blue-fox", {}, 255}));
  CHECK(take_all(*pair.broker.link).size() < 64);
}

TEST_CASE("a replica says that a tunnel is not here, or its rules are others; an agent's word for it means nothing") {
  struct Word {
    ErrorKind kind;
    const char* word;
    const char* status;
  };
  constexpr std::array words{Word{ErrorKind::absent, "not-here", "421"}, Word{ErrorKind::denied, "stale", "421"},
                             Word{ErrorKind::silent, "agent-away", "503"}};
  for (const auto& [kind, word, right_status] : words) {
    CAPTURE(word);
    LinkPair pair(peers());
    pair.agent.accepts = false;
    pair.pump();
    const auto near = pair.broker.open();
    pair.pump();
    pair.agent.streams.at(0)->pipe->refuse(kind);
    pair.pump();
    REQUIRE(near->closed);
    CHECK(near->closed->kind == kind);
    CHECK(near->closed->detail == std::string("answered with status ") + right_status);

    for (const char* status : {right_status, "502"}) {
      Target target(broker);
      const auto stream = target.end.open();
      target.take();
      target.feed(raw::head(3, {{":status", status}, {"tenfold-cause", word}}, raw::end_stream));
      REQUIRE(stream->closed);
      CHECK(stream->closed->kind == ErrorKind::refused);
    }
    // Nor without its status.
    Target target(broker, peers());
    const auto stream = target.end.open();
    target.take();
    target.feed(raw::head(3, {{":status", "502"}, {"tenfold-cause", word}}, raw::end_stream));
    REQUIRE(stream->closed);
    CHECK(stream->closed->kind == ErrorKind::refused);
  }
}

TEST_CASE("a lazy answer goes out with the first byte, or with the end") {
  for (const bool ends : {false, true}) {
    LinkPair pair(peers());
    pair.agent.accepts = false;
    pair.pump();
    const auto near = pair.broker.open();
    pair.pump();
    HeardStream& far = *pair.agent.streams.at(0);
    far.pipe->set_handler(&far);
    far.pipe->answer_lazily();
    CHECK(take_all(*pair.agent.link).empty());
    if (ends) {
      far.pipe->end();
    } else {
      far.pipe->write(to_bytes("hello"));
      far.pipe->write(to_bytes(" again"));
    }
    pair.pump();
    CHECK(near->text == (ends ? "" : "hello again"));
    CHECK(near->ended == ends);
    CHECK_FALSE(near->closed);
  }
}

TEST_CASE("a reset before the lazy answer says why the app was not reached; any other, and any later one, is a reset") {
  const auto heard = [](ErrorKind kind, bool answered) {
    LinkPair pair(peers());
    pair.agent.accepts = false;
    pair.pump();
    const auto near = pair.broker.open();
    pair.pump();
    HeardStream& far = *pair.agent.streams.at(0);
    far.pipe->set_handler(&far);
    far.pipe->answer_lazily();
    if (answered) far.pipe->write(to_bytes("x"));
    pair.pump();
    far.pipe->reset(kind);
    pair.pump();
    REQUIRE(near->closed);
    CHECK(pair.agent.link->stats().streams == 0);
    CHECK(pair.broker.link->stats().streams == 0);
    return near->closed->kind;
  };
  for (const ErrorKind kind :
       {ErrorKind::refused, ErrorKind::timeout, ErrorKind::dns, ErrorKind::tls, ErrorKind::limit}) {
    CHECK(heard(kind, false) == kind);
  }
  CHECK(heard(ErrorKind::timeout, true) == ErrorKind::closed);
  CHECK(heard(ErrorKind::unbegun, false) == ErrorKind::unbegun);
  CHECK(heard(ErrorKind::cancelled, false) == ErrorKind::cancelled);
  CHECK(heard(ErrorKind::closed, false) == ErrorKind::closed);
}

TEST_CASE("either replica may greet, drain and say goodbye, and nothing else") {
  LinkPair pair(peers());
  control::ControlMessage hello;
  hello.mutable_welcome()->set_server_id("one");
  control::ControlMessage bye;
  bye.mutable_goodbye();
  for (Link* link : {pair.broker.link.get(), pair.agent.link.get()}) {
    for (const control::ControlMessage& message : {hello, drain(), bye}) link->send(message);
  }
  pair.pump();
  CHECK(pair.broker.messages.size() == 3);
  CHECK(pair.agent.messages.size() == 3);

  control::ControlMessage register_name;
  register_name.mutable_register_()->set_request_id(1);
  control::ControlMessage registered;
  registered.mutable_registered()->set_name("blue-fox");
  for (const control::ControlMessage& message : {register_name, registered}) {
    for (const bool to_agent : {false, true}) {
      LinkPair other(peers());
      (to_agent ? other.broker : other.agent).link->send(message);
      other.pump();
      const LinkEnd& end = to_agent ? other.agent : other.broker;
      REQUIRE(end.closed);
      CHECK(end.closed->kind == ErrorKind::protocol);
      CHECK(end.messages.empty());
    }
  }
}

}  // namespace tenfold::test
