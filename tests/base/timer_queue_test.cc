// TimerQueue: deadlines fire in their order, at their time, and only while they stand.
#include "base/timer_queue.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/graveyard.h"

namespace tenfold {
namespace {

class Call final : public Timer {
 public:
  explicit Call(std::function<void()> what) : what_(std::move(what)) {}

 private:
  void on_timer() override { what_(); }
  std::function<void()> what_;
};

const TimePoint start = TimePoint{} + 100s;

}  // namespace

TEST_CASE("timers fire earliest first, once, and not before their time") {
  TimerQueue queue(start);
  std::string fired;
  Call a([&] { fired += 'a'; });
  Call b([&] { fired += 'b'; });
  Call c([&] { fired += 'c'; });
  queue.arm_in(c, 3s);
  queue.arm_in(a, 1s);
  queue.arm_in(b, 2s);
  CHECK(queue.next() == start + 1s);
  queue.run(start + 999ms);
  CHECK(fired.empty());
  queue.run(start + 2s);
  CHECK(fired == "ab");
  CHECK_FALSE(a.armed());
  CHECK(c.armed());
  queue.run(start + 10s);
  queue.run(start + 20s);
  CHECK(fired == "abc");
  CHECK(queue.next() == never);
}

TEST_CASE("a deadline moved later fires at the later time alone") {
  TimerQueue queue(start);
  int fired = 0;
  Call idle([&] { ++fired; });
  queue.arm_in(idle, 1s);
  queue.run(start + 500ms);
  queue.arm_in(idle, 1s);
  CHECK(queue.size() == 1);
  queue.run(start + 1s);
  CHECK(fired == 0);
  CHECK(queue.next() == start + 1500ms);
  queue.run(start + 1500ms);
  CHECK(fired == 1);
}

TEST_CASE("a deadline moved earlier fires at the earlier time") {
  TimerQueue queue(start);
  int fired = 0;
  Call call([&] { ++fired; });
  queue.arm_in(call, 10s);
  queue.arm_in(call, 1s);
  CHECK(queue.next() == start + 1s);
  queue.run(start + 1s);
  CHECK(fired == 1);
  queue.run(start + 10s);
  CHECK(fired == 1);
}

TEST_CASE("a disarmed or destroyed timer does not fire") {
  TimerQueue queue(start);
  int fired = 0;
  Call disarmed([&] { ++fired; });
  queue.arm_in(disarmed, 1s);
  queue.disarm(disarmed);
  {
    Call destroyed([&] { ++fired; });
    queue.arm_in(destroyed, 1s);
  }
  Call never_armed([&] { ++fired; });
  queue.arm(never_armed, never);
  queue.disarm(never_armed);
  CHECK(queue.size() == 0);
  queue.run(start + 2s);
  CHECK(fired == 0);
}

TEST_CASE("a timer that fires may disarm, destroy or move the others that are due with it") {
  TimerQueue queue(start);
  std::string fired;
  Call disarmed([&] { fired += 'd'; });
  auto destroyed = std::make_unique<Call>([&] { fired += 'x'; });
  Call moved([&] { fired += 'm'; });
  Call first([&] {
    fired += 'f';
    queue.disarm(disarmed);
    destroyed.reset();
    queue.arm_in(moved, 1s);
  });
  queue.arm_in(first, 1s);
  queue.arm_in(disarmed, 2s);
  queue.arm_in(*destroyed, 2s);
  queue.arm_in(moved, 2s);
  queue.run(start + 2s);
  CHECK(fired == "f");
  queue.run(start + 3s);
  CHECK(fired == "fm");
}

TEST_CASE("a timer armed anew for now waits for the next run") {
  TimerQueue queue(start);
  int fired = 0;
  std::unique_ptr<Call> again;
  again = std::make_unique<Call>([&] {
    ++fired;
    queue.arm(*again, queue.now());
  });
  queue.arm(*again, start);
  queue.run(start);
  CHECK(fired == 1);
  queue.run(start);
  CHECK(fired == 2);
}

TEST_CASE("what a timer buries is gone before the next one fires") {
  TimerQueue queue(start);
  Graveyard graveyard;
  int fired = 0;
  auto second = std::make_unique<Call>([&] { ++fired; });
  Call first([&] { graveyard.bury(std::move(second)); });
  queue.arm_in(first, 1s);
  queue.arm_in(*second, 1s + 1ns);
  queue.run(start + 2s, &graveyard);
  CHECK(fired == 0);
  CHECK(graveyard.empty());
}

TEST_CASE("a timer outlives its queue unharmed") {
  Call call([] {});
  {
    TimerQueue queue(start);
    queue.arm_in(call, 1s);
  }
}

TEST_CASE("a member timer calls its owner") {
  struct Owner {
    void on_idle() { ++count; }
    int count = 0;
    MemberTimer<Owner, &Owner::on_idle> idle{*this};
  } owner;
  TimerQueue queue(start);
  queue.arm_in(owner.idle, 1s);
  queue.run(start + 1s);
  CHECK(owner.count == 1);
}

TEST_CASE("deadlines moved at random fire each at its last time") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto upto = [&](int most) { return std::uniform_int_distribution<int>(0, most)(random); };
  TimerQueue queue(start);
  constexpr int count = 200;
  struct Entry {
    TimePoint due = never;
    std::unique_ptr<Call> timer;
  };
  std::vector<Entry> entries(count);
  TimePoint last = start;
  for (Entry& entry : entries) {
    entry.timer = std::make_unique<Call>([&] {
      REQUIRE(entry.due <= queue.now());
      REQUIRE(entry.due > last);
      entry.due = never;
    });
  }
  for (int step = 1; step <= 2000; ++step) {
    for (int i = 0; i < 10; ++i) {
      Entry& entry = entries[static_cast<std::size_t>(upto(count - 1))];
      if (upto(4) == 0) {
        queue.disarm(*entry.timer);
        entry.due = never;
      } else {
        entry.due = queue.now() + std::chrono::milliseconds(1 + upto(100));
        queue.arm(*entry.timer, entry.due);
      }
    }
    last = queue.now();
    queue.run(start + step * 5ms);
    for (const Entry& entry : entries) {
      REQUIRE(entry.due > queue.now());
      REQUIRE(entry.timer->due() == entry.due);
    }
  }
}

}  // namespace tenfold
