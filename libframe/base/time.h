// Time as the core sees it: a value that is handed in, never asked of a clock.
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

// "90", "90s", "1.5m", "2h", "500ms": longer than nothing and at most 30 days; a number alone is seconds. Errors
// (usage) say what it must be, without the text itself.
Result<Duration> parse_duration(std::string_view text);

// For people: "30 s", and "1.5 s" where that makes a difference.
std::string in_seconds(Duration duration);

}  // namespace tenfold
