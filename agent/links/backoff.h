// Backoff: how long to wait before the next try. Full jitter: each wait is drawn evenly from between the least
// wait and a cap that doubles with every failure, so that a thousand agents that lost the same broker do not come back
// in the same second. What stayed up long enough starts anew.
//
//   wait = backoff.next(now);   // it failed, or it was lost
//   backoff.up(now);            // it works
//
// Pure: time and chance are handed in.
#pragma once

#include <functional>
#include <optional>

#include "agent/rules.h"
#include "base/time.h"

namespace tenfold {

// Evenly from [0, 1).
using Random = std::function<double()>;

class Backoff {
 public:
  explicit Backoff(Random random) : random_(std::move(random)) {}

  Duration next(TimePoint now);
  void up(TimePoint now) { up_since_ = now; }

  // As after a long good time.
  void reset() { failures_ = 0; }

  // Failures since it last was up for rules::backoff_reset, or since reset().
  int failures() const { return failures_; }

 private:
  Random random_;
  int failures_ = 0;
  std::optional<TimePoint> up_since_;  // set while it works
};

}  // namespace tenfold
