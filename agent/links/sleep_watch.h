// SleepWatch: detects that this machine was suspended, or this process alone was stopped (SIGSTOP, a frozen container).
//
//   the machine   A steady clock (CLOCK_MONOTONIC) stops meanwhile, so that no deadline has passed when it wakes,
//   although
//                 the broker gave up the link long ago. CLOCK_BOOTTIME runs on.
//   the process   Both clocks run on, and its own timer fires late by as much.
//
//   watch.start();
//   on_slept(duration)      // at most rules::sleep_looked_every after it woke
//   watch.look()            // checks now, before an event that a sleep may explain is reported: whether it slept
#pragma once

#include "agent/rules.h"
#include "base/runtime.h"

namespace tenfold {

class SuspendClock {
 public:
  // How long this machine was suspended since boot.
  virtual Duration suspended() = 0;

 protected:
  ~SuspendClock() = default;
};

// CLOCK_BOOTTIME minus CLOCK_MONOTONIC.
class SystemSuspendClock final : public SuspendClock {
 public:
  Duration suspended() override;
};

class SleepWatch {
 public:
  class Owner {
   public:
    virtual void on_slept(Duration slept) = 0;

   protected:
    ~Owner() = default;
  };

  SleepWatch(Runtime& runtime, SuspendClock& clock, Owner& owner)
      : runtime_(runtime), clock_(clock), owner_(owner), seen_(clock.suspended()) {}

  void start();
  void stop();

  // Suspensions shorter than two heartbeats are ignored: the link survives them.
  bool look();

 private:
  void on_time();

  Runtime& runtime_;
  SuspendClock& clock_;
  Owner& owner_;
  Duration seen_;          // suspended() at the last check
  TimePoint due_ = never;  // the next check; never: stopped
  MemberTimer<SleepWatch, &SleepWatch::on_time> timer_{*this};
};

}  // namespace tenfold
