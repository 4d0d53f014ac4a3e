// Time and failure in the cases. Every wait of the suite has a deadline, so that no target can hang it.
#pragma once

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

namespace tenfold::conformance {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;
using Millis = std::chrono::milliseconds;

inline constexpr Millis patience = 5s;  // for anything that a target should do immediately

inline Deadline in(Millis time) { return Clock::now() + time; }
inline Millis left(Deadline deadline) {
  return std::max(Millis{0}, std::chrono::ceil<Millis>(deadline - Clock::now()));
}

// The case fails.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// No bytes in time. A failure, unless the case waited for silence.
struct Timeout : Failure {
  using Failure::Failure;
};

// The connection broke: reset, or refused.
struct Lost : Failure {
  using Failure::Failure;
};

// The case cannot run here; the text says what is missing.
struct Skip : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void fail(const std::string& text) { throw Failure(text); }
[[noreturn]] inline void skip(const std::string& text) { throw Skip(text); }

// For conditions that need an explanation; REQUIRE of doctest shows the values.
inline void expect(bool holds, const std::string& otherwise) {
  if (!holds) fail(otherwise);
}

}  // namespace tenfold::conformance
