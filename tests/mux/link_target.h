// One link of ours, and a peer that is the test: bytes written by hand, answers read frame by frame.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../http2/raw_frames.h"
#include "http2/h2_code.h"
#include "link_pair.h"

namespace tenfold::test {

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

inline constexpr Link::Role broker = Link::Role::broker;
inline constexpr Link::Role agent = Link::Role::agent;

inline std::string many(const std::string& frame, std::size_t count) {
  std::string all;
  all.reserve(frame.size() * count);
  for (std::size_t i = 0; i < count; ++i) all += frame;
  return all;
}

}  // namespace tenfold::test
