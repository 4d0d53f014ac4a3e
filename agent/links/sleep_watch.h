// SleepWatch: notices that this machine was suspended. A steady clock stands still meanwhile (CLOCK_MONOTONIC), so that
// no deadline has passed when it wakes, while the broker has given up the link long ago: CLOCK_BOOTTIME ran on.
//
//   watch.start();
//   on_slept(duration)      // by itself, rules::sleep_looked_every after the machine woke at the latest
//   watch.look()            // ... or now, before something that a sleep may explain is told: whether it slept
#pragma once

#include "agent/rules.h"
#include "base/runtime.h"

namespace tenfold {

class SuspendClock {
 public:
  // How long this machine was suspended since it was started.
  virtual Duration suspended() = 0;

 protected:
  ~SuspendClock() = default;
};

// CLOCK_BOOTTIME less CLOCK_MONOTONIC.
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

  void start() { runtime_.timers.arm_in(timer_, rules::sleep_looked_every); }
  void stop() { runtime_.timers.disarm(timer_); }

  // Less than two heartbeats is no sleep: the link has outlived it.
  bool look();

 private:
  void on_time();

  Runtime& runtime_;
  SuspendClock& clock_;
  Owner& owner_;
  Duration seen_;  // suspended() at the last look
  MemberTimer<SleepWatch, &SleepWatch::on_time> timer_{*this};
};

}  // namespace tenfold
