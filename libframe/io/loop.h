// Loop: one libuv loop and the state on it: the time, the timers, the graveyard, the blocks, and the work deferred to
// the end of a turn. Only io/ includes uv.h.
//
// A turn: events are handled, one callback after another, and the graveyard is cleared after each; then deferred work
// runs (links gather their frames into one write); then the loop sleeps until the next event or deadline.
//
//   Loop loop(log);
//   auto listener = TcpListener::open(loop, address, on_accept);
//   loop.watch_signal(SIGTERM, [&] { loop.stop(); });
//   loop.run();
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/runtime.h"
#include "io/parting_sockets.h"

struct uv_loop_s;

namespace tenfold {

// Work at the end of this turn, once, however often it is deferred. Owned by the deferring object.
class Deferred {
 public:
  Deferred() = default;
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;

 protected:
  virtual ~Deferred();
  virtual void on_turn_end() = 0;

 private:
  friend class Loop;
  class Loop* loop_ = nullptr;  // set while it is deferred
  Deferred* next_ = nullptr;
  Deferred* previous_ = nullptr;
};

class Loop {
 public:
  explicit Loop(Log& log);
  ~Loop();  // everything on it must be closed by then
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop(), or until there is no open socket or listener, no armed timer, and no deferred or posted work. A
  // watched signal does not keep it running.
  void run();
  void stop();

  // Runs `task` on this loop's thread in a later turn; from any thread.
  void post(std::function<void()> task);

  // Call on the loop's thread.
  void defer(Deferred& work);

  // Calls `on_signal` for each `signum` from now on, until the loop is destroyed.
  void watch_signal(int signum, std::function<void()> on_signal);

  // Counts work on libuv's thread pool (name lookups) during its lifetime. Such work cannot be cancelled after it has
  // begun: the destructor and exit(3) wait for its end. A program that wants to exit checks has_pool_work() first, and
  // then uses _exit(2).
  class PoolWork {
   public:
    explicit PoolWork(Loop& loop) : loop_(loop) { ++loop_.pool_work_; }
    ~PoolWork() { --loop_.pool_work_; }
    PoolWork(const PoolWork&) = delete;
    PoolWork& operator=(const PoolWork&) = delete;

   private:
    Loop& loop_;
  };
  bool has_pool_work() const { return pool_work_ != 0; }

  Runtime& runtime() { return runtime_; }
  PartingSockets& parting_sockets() { return parting_sockets_; }
  uv_loop_s* uv();

  // Every libuv callback in io/ runs inside one of these: it sets the time at its start and clears the graveyard at its
  // end.
  class Callback {
   public:
    explicit Callback(Loop& loop);
    ~Callback();

   private:
    Loop& loop_;
  };

  // Shared scratch memory, valid within one callback only: for reads (limits::read_at_once); for frames that are sent
  // together (limits::flush_bulk).
  MutableBytes read_room();
  MutableBytes write_room();

 private:
  friend class Deferred;
  struct Handles;  // libuv's

  void start_handles();
  void drop_spare_blocks_later();
  void run_deferred();
  void run_posted();
  void rearm_timer();
  void run_timers();
  bool something_waits();

  // First, so that they outlive everything that is closed with the loop.
  BlockPool blocks_;
  TimerQueue timers_;
  Graveyard graveyard_;
  Runtime runtime_;
  PartingSockets parting_sockets_;

  std::unique_ptr<Handles> handles_;
  std::unique_ptr<std::uint8_t[]> read_room_;
  std::unique_ptr<std::uint8_t[]> write_room_;

  Deferred* first_deferred_ = nullptr;
  Deferred* last_deferred_ = nullptr;
  std::size_t deferred_ = 0;     // how many are deferred
  std::size_t pool_work_ = 0;    // how many have not ended
  TimePoint armed_for_ = never;  // the time that the uv timer is set to
  bool late_ = false;            // deadlines wait until this turn's events were handled
  bool stopped_ = false;
  bool in_callback_ = false;

  std::mutex posted_mutex_;
  std::vector<std::function<void()>> posted_;  // under posted_mutex_
};

}  // namespace tenfold
