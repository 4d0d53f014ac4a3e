// Loop: one libuv loop with everything that lives on it: the time, the timers, the
// graveyard, the blocks, the work that is put off to the end of a turn. Only
// io/ includes uv.h.
//
// A turn: events are handled, one callback after another, the graveyard cleared after each; then what was
// deferred runs (this is where links gather their frames into one write); then the
// loop sleeps until the next event or deadline.
#pragma once

#include <csignal>
#include <functional>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/runtime.h"

struct uv_loop_s;

namespace tenfold {

// Work at the end of this turn, once, however often it is deferred. Owned by who defers it.
class Deferred {
 public:
  Deferred() = default;
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;

 protected:
  ~Deferred();
  virtual void on_turn_end() = 0;

 private:
  friend class Loop;
  class Loop* loop_ = nullptr;  // set while it waits
  Deferred* next_ = nullptr;
  Deferred* previous_ = nullptr;
};

class Loop {
 public:
  explicit Loop(Log& log);
  ~Loop();  // everything on it must have been closed
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Until stop(), or until nothing is left to wait for.
  void run();
  void stop();

  // Runs `task` on this loop's thread in a later turn; from any thread.
  void post(std::function<void()> task);

  // On the loop's thread.
  void defer(Deferred& work);

  // Calls `on_signal` for each `signum` from now on, until the loop is destroyed.
  void watch_signal(int signum, std::function<void()> on_signal);

  Runtime& runtime() { return runtime_; }
  uv_loop_s* uv() { return uv_; }

  // Every callback from libuv into io/ runs inside one of these: it sets the time
  // at its start and clears the graveyard at its end.
  class Callback {
   public:
    explicit Callback(Loop& loop);
    ~Callback();

   private:
    Loop& loop_;
  };

  // Scratch for reads and for gathered writes: whole, reused by everyone, valid within one callback only.
  MutableBytes read_room();
  MutableBytes write_room();

 private:
  // IMPLEMENTATION
};

}  // namespace tenfold
