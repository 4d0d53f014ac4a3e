// Runtime: the state shared by all objects on one loop. The loop owns the real one (io/loop.h); a test makes its own
// and moves the time by hand.
#pragma once

#include "base/byte_queue.h"
#include "base/graveyard.h"
#include "base/log.h"
#include "base/timer_queue.h"

namespace tenfold {

struct Runtime {
  BlockPool& blocks;
  TimerQueue& timers;
  Graveyard& graveyard;
  Log& log;

  TimePoint now() const { return timers.now(); }
};

}  // namespace tenfold
