// TimerQueue: every deadline of one loop, and the time of its present turn. The
// loop (or a test) calls run(now); nothing here asks a clock.
//
// A deadline is a value: moving it later costs a store and no reordering, for the
// heap keeps the older key and looks again when that comes up. So a connection may
// push its idle deadline on with each byte.
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

// A deadline and what to do when it has passed. Disarms itself when destroyed.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool armed() const { return due_ != never; }
  TimePoint due() const { return due_; }

 protected:
  virtual ~Timer();
  // The timer is disarmed already and may be armed again.
  virtual void on_timer() = 0;

 private:
  friend class TimerQueue;
  static constexpr std::size_t not_queued = static_cast<std::size_t>(-1);

  TimerQueue* queue_ = nullptr;
  TimePoint due_ = never;           // when to fire
  TimePoint key_ = never;           // where the heap has it: never later than due_
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

  // The time of the present turn.
  TimePoint now() const { return now_; }

  // Sets or moves the deadline.
  void arm(Timer& timer, TimePoint due);
  void arm_in(Timer& timer, Duration delay) { arm(timer, now_ + delay); }
  void disarm(Timer& timer);

  // When run() next has something to look at; `never` when nothing is armed.
  TimePoint next() const { return heap_.empty() ? never : heap_.front()->key_; }

  // Moves the time on, then fires what is due, earliest first. A timer that is
  // armed anew for a time not after `now` waits for the next run. `graveyard` is cleared after
  // each, so that a deadline of something just buried does not fire as well.
  void run(TimePoint now, Graveyard* graveyard = nullptr);

  // Moves the time on without firing: at the top of a turn, before its events.
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
  std::vector<Timer*> fired_;  // scratch of run(): due now, nulled when one of them is destroyed or re-armed
};

}  // namespace tenfold
