#include "agent/links/backoff.h"
#include "agent/rules.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace tenfold {
namespace {

constexpr TimePoint start = TimePoint{} + 1h;

double least() { return 0; }
double most() { return 0.999999; }

TEST_CASE("a wait is never shorter than the least one") {
  Backoff backoff(least);
  for (int i = 0; i < 100; ++i) CHECK(backoff.next(start) == rules::backoff_least);
}

TEST_CASE("the longest wait doubles with each failure, and stops at the most one") {
  Backoff backoff(most);
  const auto longest_from = [&](TimePoint when, Duration most_wait) {
    Duration before = rules::backoff_least;
    for (int i = 0; i < 100; ++i) {
      const Duration wait = backoff.next(when);
      CHECK(wait <= most_wait);
      if (backoff.failures() < 5) CHECK(wait > before + before / 2);
      before = wait;
    }
    return before;
  };
  CHECK(longest_from(start, rules::backoff_most_early) > rules::backoff_most_early - 1ms);
  // After a minute without a link.
  CHECK(longest_from(start + 59s, rules::backoff_most_early) > rules::backoff_most_early - 1ms);
  CHECK(longest_from(start + 60s, rules::backoff_most) > rules::backoff_most - 1ms);
}

TEST_CASE("a broker that is back after an hour and takes others first is asked as in the first minute") {
  Backoff backoff(most);
  for (int i = 0; i < 10; ++i) backoff.next(start);
  const TimePoint back = start + 1h;
  REQUIRE(backoff.next(back) > rules::backoff_most_early);
  backoff.found(back);
  CHECK(backoff.next(back) <= rules::backoff_most_early);
  CHECK(backoff.next(back + 59s) <= rules::backoff_most_early);
  CHECK(backoff.next(back + 60s) > rules::backoff_most_early);
}

TEST_CASE("waits are spread over the whole range") {
  double chance = 0;
  Backoff backoff([&] { return chance; });
  for (int i = 0; i < 20; ++i) backoff.next(start);
  chance = 0.5;
  CHECK(backoff.next(start + 2min) > rules::backoff_most * 45 / 100);
  CHECK(backoff.next(start + 2min) < rules::backoff_most * 55 / 100);
}

TEST_CASE("what stayed up for long starts anew, what fell at once does not") {
  Backoff backoff(most);
  for (int i = 0; i < 5; ++i) backoff.next(start);
  backoff.up(start);
  CHECK(backoff.next(start + rules::backoff_reset - 1ms) > 2s);
  backoff.up(start);
  CHECK(backoff.next(start + rules::backoff_reset) < 250ms);
  CHECK(backoff.failures() == 1);
}

TEST_CASE("a failure that was not up in between does not count the time before") {
  Backoff backoff(most);
  backoff.up(start);
  for (int i = 0; i < 5; ++i) backoff.next(start + 1s);
  CHECK(backoff.next(start + 1h) > 2s);
}

}  // namespace
}  // namespace tenfold
