// Time in the core: a value that the caller passes, never read from a clock.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tenfold {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;
using namespace std::chrono_literals;

inline constexpr TimePoint never = TimePoint::max();

// "90", "90s", "1.5m", "2h", "500ms": above zero and at most 30 days; a plain number is in seconds. Errors (usage) say
// what is expected, without the text itself.
Result<Duration> parse_duration(std::string_view text);

// For people: "30 s", or "1.5 s" where the fraction matters.
std::string in_seconds(Duration duration);

}  // namespace tenfold
