// Time and failure, as the cases know them. Every wait of the suite has a deadline, so that no target,
// however broken, can hang it.
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

inline constexpr Millis patience = 5s;  // for anything that a target should do at once

inline Deadline in(Millis time) { return Clock::now() + time; }
inline Millis left(Deadline deadline) {
  return std::max(Millis{0}, std::chrono::ceil<Millis>(deadline - Clock::now()));
}

// The case does not hold.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Nothing came in time. A failure, unless the case waited for silence.
struct Timeout : Failure {
  using Failure::Failure;
};

// The connection broke: reset, or refused.
struct Lost : Failure {
  using Failure::Failure;
};

// The case cannot be run here; the text says what is missing.
struct Skip : std::runtime_error {
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void fail(const std::string& text) { throw Failure(text); }
[[noreturn]] inline void skip(const std::string& text) { throw Skip(text); }

// For what needs words; REQUIRE of doctest says the same of what shows by its values.
inline void expect(bool holds, const std::string& otherwise) {
  if (!holds) fail(otherwise);
}

}  // namespace tenfold::conformance
