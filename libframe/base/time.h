// Time as the core sees it: a value that is handed in, never asked of a clock.
#pragma once

#include <chrono>

namespace tenfold {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;
using namespace std::chrono_literals;

inline constexpr TimePoint never = TimePoint::max();

}  // namespace tenfold
