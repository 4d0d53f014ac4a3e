// MemoryPipe: two connected Duplex ends without a socket. Bytes move only when the test pumps, which also decides how
// they are split.
//
//   MemoryPipe pipe(runtime);
//   auto left = pipe.take_left(); auto right = pipe.take_right();
//   left->write(to_bytes("hello"));
//   pipe.pump();
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "base/limits.h"
#include "base/runtime.h"
#include "duplex.h"

namespace tenfold::test {

class MemoryPipe {
 public:
  explicit MemoryPipe(Runtime& runtime, std::size_t window = limits::buffered_high) : runtime_(runtime) {
    for (int i = 0; i < 2; ++i) {
      shared_[i] = std::make_shared<Shared>(runtime.blocks);
      shared_[i]->window = window;
    }
  }

  std::unique_ptr<Duplex> take_left() { return std::make_unique<End>(shared_[0], shared_[1]); }
  std::unique_ptr<Duplex> take_right() { return std::make_unique<End>(shared_[1], shared_[0]); }

  // Moves at most `chop` bytes in each direction, and the ends after them; returns whether anything moved.
  bool step(std::size_t chop = static_cast<std::size_t>(-1)) {
    bool moved = false;
    for (int i = 0; i < 2; ++i) moved |= deliver(*shared_[i], *shared_[1 - i], chop);
    runtime_.graveyard.clear();
    return moved;
  }

  // Steps until nothing moves.
  void pump(std::size_t chop = static_cast<std::size_t>(-1)) {
    while (step(chop)) {
    }
  }

  bool left_alive() const { return shared_[0]->alive; }
  bool right_alive() const { return shared_[1]->alive; }
  // Bytes delivered to an end and not credited yet.
  std::size_t left_uncredited() const { return shared_[0]->uncredited; }
  std::size_t right_uncredited() const { return shared_[1]->uncredited; }

 private:
  // One end's state; it outlives the wrapper.
  struct Shared {
    explicit Shared(BlockPool& blocks) : out(blocks) {}
    ByteQueue out;
    Duplex::Handler* handler = nullptr;
    std::size_t window = 0;
    std::size_t uncredited = 0;
    bool alive = true;  // the wrapper exists and was not reset
    bool out_ended = false;
    bool end_heard = false;           // on_end() was delivered here
    bool closed = false;              // on_closed() was delivered here
    ErrorKind cut = ErrorKind::none;  // how the other end was reset
  };

  class End final : public Duplex {
   public:
    End(std::shared_ptr<Shared> mine, std::shared_ptr<Shared> theirs)
        : mine_(std::move(mine)), theirs_(std::move(theirs)) {}
    ~End() override { reset(ErrorKind::cancelled); }

    void set_handler(Handler* handler) override { mine_->handler = handler; }
    std::size_t write(Bytes bytes) override {
      if (!mine_->alive || mine_->out_ended || mine_->closed) return bytes.size();
      mine_->out.append(bytes);
      return 0;
    }
    std::size_t queued() const override { return mine_->out.size(); }
    void end() override { mine_->out_ended = true; }
    void reset(ErrorKind why) override {
      if (!std::exchange(mine_->alive, false)) return;
      mine_->handler = nullptr;
      if (mine_->closed) return;
      mine_->out.clear();
      if (!theirs_->closed) theirs_->cut = why == ErrorKind::none ? ErrorKind::cancelled : why;
    }
    void credit(std::size_t n) override {
      if (mine_->closed) return;
      assert(n <= mine_->uncredited);
      mine_->uncredited -= n;
    }

   private:
    std::shared_ptr<Shared> mine_;
    std::shared_ptr<Shared> theirs_;
  };

  static bool deliver(Shared& from, Shared& to, std::size_t chop) {
    bool moved = false;
    if (to.handler == nullptr || to.closed) return false;
    if (to.cut != ErrorKind::none) {
      to.closed = true;
      to.out.clear();
      std::exchange(to.handler, nullptr)->on_closed({to.cut, "reset by the other end"});
      return true;
    }
    const std::size_t room = to.window > to.uncredited ? to.window - to.uncredited : 0;
    const Bytes front = from.out.front();
    const std::size_t n = std::min({front.size(), room, chop});
    if (n != 0) {
      // A copy, so that the sanitizer detects a handler that keeps the view.
      const std::unique_ptr<std::uint8_t[]> copy(new std::uint8_t[n]);
      std::copy_n(front.data(), n, copy.get());
      from.out.consume(n);
      to.uncredited += n;
      to.handler->on_data({copy.get(), n});
      if (from.handler != nullptr && !from.closed) from.handler->on_sent(n);
      moved = true;
    }
    if (from.out_ended && from.out.empty() && !to.end_heard && to.handler != nullptr) {
      to.end_heard = true;
      to.handler->on_end();
      moved = true;
    }
    if (to.end_heard && to.out_ended && to.out.empty() && !to.closed && to.handler != nullptr && from.end_heard) {
      to.closed = true;
      std::exchange(to.handler, nullptr)->on_closed({});
      moved = true;
    }
    return moved;
  }

  Runtime& runtime_;
  std::shared_ptr<Shared> shared_[2];
};

}  // namespace tenfold::test
