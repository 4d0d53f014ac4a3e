// TimerQueue: the deadlines of one loop, and the time of the current turn. The loop (or a test) calls run(now); nothing
// here reads a clock.
//
// Moving a deadline later is a store without reordering: the heap keeps the older key and checks the deadline when that
// key comes up. So a connection may extend its idle deadline with each byte.
//
//   class Idle : Timer { void on_timer() override { close(); } };
//   timers.arm(idle_, timers.now() + 60s);
#pragma once

#include <cstddef>
#include <vector>

#include "base/time.h"

namespace tenfold {

class Graveyard;
class TimerQueue;

// A deadline and its action. Disarms itself when destroyed.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool armed() const { return due_ != never; }
  TimePoint due() const { return due_; }

 protected:
  virtual ~Timer();
  // The timer is already disarmed and may be armed again.
  virtual void on_timer() = 0;

 private:
  friend class TimerQueue;
  static constexpr std::size_t not_queued = static_cast<std::size_t>(-1);

  TimerQueue* queue_ = nullptr;
  TimePoint due_ = never;           // when to fire
  TimePoint key_ = never;           // its key in the heap: never later than due_
  std::size_t place_ = not_queued;  // index in the heap
};

// A Timer that calls a member function of its owner.
template <typename Owner, void (Owner::*function)()>
class MemberTimer final : public Timer {
 public:
  explicit MemberTimer(Owner& owner) : owner_(owner) {}

 private:
  void on_timer() override { (owner_.*function)(); }
  Owner& owner_;
};

class TimerQueue {
 public:
  explicit TimerQueue(TimePoint now = {}) : now_(now) {}
  ~TimerQueue();
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  // The time of the current turn.
  TimePoint now() const { return now_; }

  // Sets or moves the deadline.
  void arm(Timer& timer, TimePoint due);
  void arm_in(Timer& timer, Duration delay) { arm(timer, now_ + delay); }
  void disarm(Timer& timer);

  // When run() has to be called next; `never` when nothing is armed.
  TimePoint next() const { return heap_.empty() ? never : heap_.front()->key_; }

  // Moves the time forward, then fires what is due, earliest first. A timer that is armed again for a time not after
  // `now` waits for the next run. `graveyard` is cleared after each timer, so that the deadline of an object just
  // buried does not fire.
  void run(TimePoint now, Graveyard* graveyard = nullptr);

  // Moves the time forward without firing: at the start of a turn, before its events.
  void set_now(TimePoint now) { now_ = now; }

  std::size_t size() const { return heap_.size(); }

 private:
  friend class Timer;
  void place(std::size_t index, Timer* timer);
  void sift_up(std::size_t index);
  void sift_down(std::size_t index);
  void remove(std::size_t index);

  TimePoint now_;
  std::vector<Timer*> heap_;   // a binary heap by key_
  std::vector<Timer*> fired_;  // used by run(): due now; set to null when destroyed or armed again
};

}  // namespace tenfold
