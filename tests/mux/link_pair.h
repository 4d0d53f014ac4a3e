// Two links back to back in memory, and what hears their events. Nothing moves by itself: the test pumps.
//
//   LinkPair pair;
//   auto stream = pair.broker.open("blue-fox");   // a HeardStream: the pipe and what it told
//   pair.pump();
//   HeardStream& far = *pair.agent.streams.at(0);
//   far.pipe->accept();
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "mux/link.h"
#include "mux/link_stream.h"
#include "proto/control.pb.h"
#include "support/test_runtime.h"

namespace tenfold::test {

// A stream with everything that it told.
struct HeardStream final : Duplex::Handler {
  explicit HeardStream(std::unique_ptr<LinkStream> s) : pipe(std::move(s)) {}

  void on_data(Bytes bytes) override {
    if (ended || closed) FAIL("data behind the end");
    received += bytes.size();
    if (keeps) text += to_text(bytes);
    if (credits) return pipe->credit(bytes.size());
    uncredited += bytes.size();
  }
  void on_end() override {
    if (ended || closed) FAIL("a second end");
    ended = true;
  }
  void on_sent(std::size_t n) override {
    if (closed) FAIL("an event behind the last");
    sent += n;
  }
  void on_closed(const Error& why) override {
    if (closed) FAIL("an event behind the last");
    closed = why;
  }

  std::unique_ptr<LinkStream> pipe;
  bool credits = true;  // each byte at once
  bool keeps = true;    // ... in `text`
  std::string text;
  std::size_t received = 0;
  std::size_t uncredited = 0;
  bool ended = false;
  std::size_t sent = 0;
  std::optional<Error> closed;
};

struct LinkEnd final : Link::Handler {
  LinkEnd(TestRuntime& rt, Link::Role role, const LinkOptions& options)
      : link(std::make_unique<Link>(rt.runtime, role, options, *this)) {}

  void on_link_stream(std::unique_ptr<LinkStream> stream) override {
    streams.push_back(std::make_unique<HeardStream>(std::move(stream)));
    HeardStream& heard = *streams.back();
    if (accepts) {
      heard.pipe->set_handler(&heard);
      heard.pipe->accept();
    }
    if (on_stream) on_stream(heard);
  }
  void on_control(const control::ControlMessage& message) override { messages.push_back(message); }
  void on_link_output() override { ++outputs; }
  void on_link_draining() override { draining = true; }
  void on_link_room() override {
    ++rooms;
    if (on_room) on_room();
  }
  void on_link_closed(const Error& why) override {
    if (closed) FAIL("an event behind the last");
    closed = why;
  }

  std::unique_ptr<HeardStream> open(std::string_view name = "blue-fox", std::string_view peer = {}) {
    Result<std::unique_ptr<LinkStream>> stream = link->open_stream({name, peer});
    REQUIRE(stream);
    auto heard = std::make_unique<HeardStream>(std::move(*stream));
    heard->pipe->set_handler(heard.get());
    return heard;
  }

  bool accepts = true;  // streams, at once
  std::function<void(HeardStream&)> on_stream;
  std::function<void()> on_room;
  std::vector<std::unique_ptr<HeardStream>> streams;  // that the peer opened
  std::vector<control::ControlMessage> messages;
  int outputs = 0;  // on_link_output()
  int rooms = 0;    // on_link_room()
  bool draining = false;
  std::optional<Error> closed;
  std::unique_ptr<Link> link;
};

// One output of a link, of at most `room` bytes.
inline std::string take_output(Link& link, std::size_t room = limits::flush_small) {
  struct Gathered final : Link::Output {
    void on_link_bytes(Bytes bytes) override { text += to_text(bytes); }
    std::string text;
  } gathered;
  std::vector<std::uint8_t> bytes(room);
  const std::size_t n = link.take_output(bytes, gathered);
  CHECK(n == gathered.text.size());
  return std::move(gathered.text);
}

// All that a link has to send now.
inline std::string take_all(Link& link, std::size_t room = limits::flush_small) {
  std::string all;
  for (std::string some = take_output(link, room); !some.empty(); some = take_output(link, room)) all += some;
  return all;
}

struct LinkPair {
  explicit LinkPair(const LinkOptions& options = {}) : LinkPair(options, options) {}
  LinkPair(const LinkOptions& brokers, const LinkOptions& agents)
      : broker(rt, Link::Role::broker, brokers), agent(rt, Link::Role::agent, agents) {}
  ~LinkPair() {
    broker.streams.clear();
    agent.streams.clear();
  }

  // Until nothing moves any more; pieces of at most `chop` bytes.
  void pump(std::size_t chop = static_cast<std::size_t>(-1)) {
    bool moved = true;
    while (moved) {
      moved = carry(*broker.link, *agent.link, chop);
      moved |= carry(*agent.link, *broker.link, chop);
      rt.pass(Duration::zero());
      moved |= broker.link->want_output() || agent.link->want_output();
    }
  }

  static bool carry(Link& from, Link& to, std::size_t chop) {
    bool moved = false;
    for (std::string some = take_output(from); !some.empty(); some = take_output(from)) {
      moved = true;
      for (Bytes left = to_bytes(some); !left.empty();) {
        const Bytes part = left.first(std::min(chop, left.size()));
        left = left.subspan(part.size());
        // A copy of its own size, so that whoever reads beyond it or keeps it is found out by the sanitizer.
        to.receive(std::vector<std::uint8_t>(part.begin(), part.end()));
      }
    }
    return moved;
  }

  TestRuntime rt;
  LinkEnd broker;
  LinkEnd agent;
};

}  // namespace tenfold::test
