// A ban of a name ends by itself, and their number is bounded.
#include "broker/admission/name_bans.h"

#include <doctest/doctest.h>

#include <string>

using namespace tenfold;
using namespace tenfold::broker;

TEST_CASE("a name is banned until its time is over") {
  NameBans bans;
  const TimePoint now{1h};
  CHECK_FALSE(bans.has("a", now));
  CHECK(bans.ban("a", now + 10s, now));
  CHECK(bans.has("a", now + 9s));
  CHECK_FALSE(bans.has("a", now + 10s));
  CHECK_FALSE(bans.has("b", now));
  CHECK(bans.ban("a", now + 20s, now + 1s));
  CHECK(bans.has("a", now + 15s));
}

TEST_CASE("beyond the most there is no new ban until one is over") {
  NameBans bans;
  const TimePoint now{1h};
  for (std::size_t i = 0; i < rules::name_bans; ++i) REQUIRE(bans.ban(std::to_string(i), now + 10s, now));
  CHECK_FALSE(bans.ban("another", now + 10s, now + 1s));
  CHECK(bans.ban("7", now + 20s, now + 1s));
  CHECK(bans.ban("another", now + 30s, now + 11s));
}
