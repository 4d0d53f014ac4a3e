// Loop: the order of a turn, what is put off to its end, what comes from other threads, and when run() returns.
#include "io/loop.h"

#include <doctest/doctest.h>

#include <csignal>
#include <string>
#include <thread>

#include "io_world.h"

namespace tenfold {
namespace {

class Work final : public Deferred {
 public:
  explicit Work(std::function<void()> what) : what_(std::move(what)) {}

 private:
  void on_turn_end() override { what_(); }
  std::function<void()> what_;
};

class Alarm final : public Timer {
 public:
  explicit Alarm(std::function<void()> what) : what_(std::move(what)) {}

 private:
  void on_timer() override { what_(); }
  std::function<void()> what_;
};

struct Mark {
  explicit Mark(std::string& to) : log(to) {}
  ~Mark() { log += " buried"; }
  std::string& log;
};

}  // namespace

TEST_CASE("a loop with nothing to wait for returns") {
  test::IoWorld world;
  world.loop.run();
  world.loop.watch_signal(SIGUSR1, [] {});
  world.loop.run();
}

TEST_CASE("a stop before the run is not lost") {
  test::IoWorld world;
  Alarm alarm([] { FAIL("ran"); });
  world.loop.runtime().timers.arm_in(alarm, 0s);
  world.loop.stop();
  world.loop.run();
}

TEST_CASE("an armed timer alone keeps the loop running, and fires no sooner than it is due") {
  test::IoWorld world;
  const TimePoint before = std::chrono::steady_clock::now();
  int fired = 0;
  std::unique_ptr<Alarm> alarm;
  alarm = std::make_unique<Alarm>([&] {
    if (++fired < 3) world.loop.runtime().timers.arm_in(*alarm, 5ms);
  });
  world.loop.runtime().timers.arm(*alarm, before + 5ms);
  world.loop.run();
  CHECK(fired == 3);
  CHECK(std::chrono::steady_clock::now() >= before + 15ms);
}

TEST_CASE("a timer armed for earlier wakes the loop earlier") {
  test::IoWorld world;
  Alarm late([] {});
  Alarm soon([&] { world.loop.stop(); });
  world.loop.runtime().timers.arm_in(late, 1h);
  world.loop.post([&] { world.loop.runtime().timers.arm_in(soon, 1ms); });
  world.loop.run();
  CHECK(late.armed());
}

TEST_CASE("a timer armed for the present fires before the loop waits for anything else") {
  test::IoWorld world;
  for (int i = 0; i < 100; ++i) {
    std::string log;
    Alarm alarm([&] { log += " alarm"; });
    world.loop.post([&] {
      world.loop.runtime().timers.arm(alarm, world.loop.runtime().now());
      world.loop.post([&] { log += " event"; });
    });
    world.loop.run();
    REQUIRE(log == " alarm event");
  }
}

TEST_CASE("deferred work runs once, at the end of the turn, in its order") {
  test::IoWorld world;
  std::string log;
  Work a([&] { log += " a"; });
  Work b([&] { log += " b"; });
  world.loop.post([&] {
    world.loop.defer(a);
    world.loop.defer(b);
    world.loop.defer(a);
    log += " event";
  });
  world.loop.run();
  CHECK(log == " event a b");
  world.loop.defer(b);
  world.loop.run();
  CHECK(log == " event a b b");
}

TEST_CASE("deferred work that is destroyed does not run, wherever it stands in the row") {
  for (int gone = 0; gone < 3; ++gone) {
    test::IoWorld world;
    std::string log;
    std::vector<std::unique_ptr<Work>> row;
    for (int i = 0; i < 3; ++i) row.push_back(std::make_unique<Work>([&log, i] { log += std::to_string(i); }));
    for (const auto& work : row) world.loop.defer(*work);
    row[static_cast<std::size_t>(gone)].reset();
    world.loop.run();
    CHECK(log == (gone == 0 ? "12" : gone == 1 ? "02" : "01"));
  }
}

TEST_CASE("work that defers itself for ever starves nobody") {
  test::IoWorld world;
  int rounds = 0;
  std::unique_ptr<Work> again;
  again = std::make_unique<Work>([&] {
    ++rounds;
    world.loop.defer(*again);
  });
  world.loop.defer(*again);
  bool posted = false;
  Alarm alarm([&] { world.loop.post([&] { posted = true; }); });
  world.loop.runtime().timers.arm_in(alarm, 1ms);
  world.run_until([&] { return posted; });
  CHECK(rounds > 0);
  again.reset();
}

TEST_CASE("spare blocks that wait to be dropped keep no loop running") {
  test::IoWorld world;
  BlockPool& blocks = world.loop.runtime().blocks;
  blocks.give(blocks.take());
  Alarm soon([] {});
  world.loop.runtime().timers.arm_in(soon, 1ms);
  world.loop.run();
  CHECK(blocks.spare_blocks() == 1);
}

TEST_CASE("the graveyard is cleared between callbacks") {
  test::IoWorld world;
  std::string log;
  const auto bury = [&] { world.loop.runtime().graveyard.bury(std::make_unique<Mark>(log)); };
  Work work([&] {
    log += " work";
    bury();
  });
  Alarm one([&] {
    log += " timer";
    bury();
  });
  Alarm two([&] { log += " timer"; });
  world.loop.post([&] {
    bury();
    log += " task";
    world.loop.defer(work);
    world.loop.runtime().timers.arm_in(one, 2ms);
    world.loop.runtime().timers.arm_in(two, 2ms + 1ns);
  });
  world.loop.post([&] { log += " task"; });
  world.loop.run();
  CHECK(log == " task buried task work buried timer buried timer");
}

TEST_CASE("tasks come from any thread, each once, in their thread's order") {
  test::IoWorld world;
  constexpr int threads = 4;
  constexpr int each = 500;
  std::vector<int> next(threads, 0);
  int done = 0;
  std::vector<std::thread> posters;
  for (int t = 0; t < threads; ++t) {
    posters.emplace_back([&, t] {
      for (int i = 0; i < each; ++i) {
        world.loop.post([&, t, i] {
          CHECK(next[static_cast<std::size_t>(t)]++ == i);
          ++done;
        });
      }
    });
  }
  world.run_until([&] { return done == threads * each; });
  for (std::thread& poster : posters) poster.join();
}

TEST_CASE("a task that posts another does so for a later turn") {
  test::IoWorld world;
  std::string log;
  Work work([&] { log += " turn-end"; });
  world.loop.post([&] {
    world.loop.post([&] { log += " second"; });
    world.loop.defer(work);
    log += " first";
  });
  world.loop.run();
  CHECK(log == " first turn-end second");
}

TEST_CASE("a signal is heard on the loop, again and again") {
  test::IoWorld world;
  int heard = 0;
  world.loop.watch_signal(SIGUSR1, [&] { ++heard; });
  world.loop.post([] { std::raise(SIGUSR1); });
  world.run_until([&] { return heard == 1; });
  std::raise(SIGUSR1);
  world.run_until([&] { return heard == 2; });
}

TEST_CASE("time stands still within a turn's callback and moves on between them") {
  test::IoWorld world;
  TimePoint first;
  world.loop.post([&] {
    first = world.loop.runtime().now();
    std::this_thread::yield();
    CHECK(world.loop.runtime().now() == first);
  });
  world.loop.post([&] { CHECK(world.loop.runtime().now() >= first); });
  world.loop.run();
}

}  // namespace tenfold
