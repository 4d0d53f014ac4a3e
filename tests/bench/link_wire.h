// Two links back to back in memory, without a loop and without a log: what the guard and the micro-benchmarks of the
// link stand on. A measurement must not be of its own rig, so nothing here allocates once it stands.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/runtime.h"
#include "mux/link.h"
#include "mux/link_stream.h"

namespace tenfold::bench {

// A measurement of something that does not work is worth nothing.
inline void must(bool held, const char* what) {
  if (held) return;
  std::fprintf(stderr, "bench: %s\n", what);
  std::_Exit(1);
}

class NoLog final : public Log {
 public:
  NoLog() { set_level(LogLevel::off); }

 private:
  void write(LogLevel, std::string_view, LogFields) override {}
};

struct CoreRuntime {
  BlockPool blocks;
  TimerQueue timers{TimePoint{} + 1000s};
  Graveyard graveyard;
  NoLog log;
  Runtime runtime{blocks, timers, graveyard, log};

  // The end of a turn, a moment later.
  void turn() {
    graveyard.clear();
    timers.run(timers.now() + 10us, &graveyard);
  }
};

// Two links and what carries their bytes.
class LinkWire final : private Link::Output {
 public:
  LinkWire(CoreRuntime& rt, Link::Handler& broker, Link::Handler& agent)
      : rt_(rt),
        broker_(rt.runtime, Link::Role::broker, {}, broker),
        agent_(rt.runtime, Link::Role::agent, {}, agent) {}

  Link& broker() { return broker_; }
  Link& agent() { return agent_; }

  // Until nothing moves any more.
  void pump() {
    bool moved = true;
    while (moved) {
      rt_.turn();
      moved = carry(broker_, agent_);
      rt_.turn();
      moved |= carry(agent_, broker_);
    }
  }

 private:
  bool carry(Link& from, Link& to) {
    bool moved = false;
    to_ = &to;
    while (from.want_output() && from.take_output(room_, *this) != 0) moved = true;
    return moved;
  }

  void on_link_bytes(Bytes bytes) override { to_->receive(bytes); }

  CoreRuntime& rt_;
  Link broker_;
  Link agent_;
  Link* to_ = nullptr;  // whom the present output goes to
  std::array<std::uint8_t, limits::flush_bulk> room_{};
};

// A handler that has nothing to say; ends override what they need.
struct QuietLinkEnd : Link::Handler {
  virtual ~QuietLinkEnd() = default;
  void on_link_stream(std::unique_ptr<LinkStream>) override {}
  void on_control(const control::ControlMessage&) override {}
  void on_link_output() override {}
  void on_link_draining() override {}
  void on_link_closed(const Error&) override { must(false, "a link closed"); }
};

// A stream's holder that counts what comes.
struct Counter final : Duplex::Handler {
  explicit Counter(std::unique_ptr<LinkStream> stream) : pipe(std::move(stream)) { pipe->set_handler(this); }
  void on_data(Bytes bytes) override {
    heard += bytes.size();
    pipe->credit(bytes.size());
  }
  void on_end() override { ended = true; }
  void on_sent(std::size_t) override {}
  void on_closed(const Error&) override { closed = true; }

  std::unique_ptr<LinkStream> pipe;
  std::size_t heard = 0;
  bool ended = false;
  bool closed = false;
};

// The agent's end, which accepts every stream and keeps it until forget().
struct AcceptingEnd final : QuietLinkEnd {
  void on_link_stream(std::unique_ptr<LinkStream> stream) override {
    stream->accept();
    streams.push_back(std::make_unique<Counter>(std::move(stream)));
    // An app that has nothing to say.
    if (ends_at_once) streams.back()->pipe->end();
  }
  Counter& last() { return *streams.back(); }
  void forget() { streams.clear(); }

  std::vector<std::unique_ptr<Counter>> streams;
  bool ends_at_once = false;
};

inline std::unique_ptr<Counter> open_counted(Link& link) {
  Result<std::unique_ptr<LinkStream>> stream = link.open_stream({"blue-fox", "203.0.113.9:1234"});
  must(static_cast<bool>(stream), "no stream");
  return std::make_unique<Counter>(std::move(*stream));
}

}  // namespace tenfold::bench
