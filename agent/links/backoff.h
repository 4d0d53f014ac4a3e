// Backoff: how long to wait before the next attempt. Full jitter: each wait is drawn evenly between the minimum wait
// and a cap that doubles with every failure, to 3 s in the first minute and to 15 s later, so that a thousand agents
// that lost the same broker do not reconnect in the same second. A connection that stayed up long enough resets it.
//
//   wait = backoff.next(now);   // it failed, or it was lost
//   backoff.up(now);            // it works
//   backoff.found(now);         // the broker is there and takes others first: the waits of the first minute, from now
//   on
//
// Pure: time and random numbers are arguments.
#pragma once

#include <functional>
#include <optional>

#include "agent/rules.h"
#include "base/time.h"

namespace tenfold {

// Uniform in [0, 1).
using Random = std::function<double()>;

class Backoff {
 public:
  explicit Backoff(Random random) : random_(std::move(random)) {}

  Duration next(TimePoint now);
  void up(TimePoint now) { up_since_ = now; }
  void found(TimePoint now) { failing_since_ = now; }

  // Resets it, as a long connection does.
  void reset() { failures_ = 0; }

  // Failures since the last connection of rules::backoff_reset, or since reset().
  int failures() const { return failures_; }

 private:
  Random random_;
  int failures_ = 0;
  TimePoint failing_since_{};          // since the first of these failures, or found()
  std::optional<TimePoint> up_since_;  // set while connected
};

}  // namespace tenfold
