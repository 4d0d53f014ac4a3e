// FloodBucket: a token bucket: a burst at once, then a rate per second. Its only state is the time at which it will be
// full again; each take moves that time later by one token's share of a second. Pure: time is an argument.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace tenfold {

class FloodBucket {
 public:
  FloodBucket(std::uint32_t burst, std::uint32_t a_second) : token_(Duration(1s) / a_second), depth_(token_ * burst) {}

  // False when the bucket is empty.
  bool take(TimePoint now) {
    const TimePoint full = std::max(full_, now) + token_;
    if (full - now > depth_) return false;
    full_ = full;
    return true;
  }

 private:
  Duration token_;    // the time in which one token returns
  Duration depth_;    // ... and all of them
  TimePoint full_{};  // when the bucket is full again
};

}  // namespace tenfold
