// Work on the pool's threads, reported on the loop.
#include "io/pool_job.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "io_world.h"

using namespace tenfold;
using namespace tenfold::test;

TEST_CASE("a job is done on another thread and reported on the loop's") {
  IoWorld world;
  const std::thread::id here = std::this_thread::get_id();
  std::thread::id worker;
  std::string got;
  std::unique_ptr<PoolJob> job = std::make_unique<PoolJob>(
      world.loop,
      [&worker] {
        worker = std::this_thread::get_id();
        return std::string("done");
      },
      [&](std::string result) {
        CHECK(std::this_thread::get_id() == here);
        got = std::move(result);
      });
  CHECK(got.empty());
  world.run_until([&] { return !got.empty(); });
  CHECK(got == "done");
  CHECK(worker != here);
  CHECK_FALSE(world.loop.has_pool_work());
}

TEST_CASE("a job that is destroyed is not heard of, whether it waited for a thread or had one") {
  IoWorld world;
  bool heard = false;
  std::vector<std::unique_ptr<PoolJob>> jobs;
  for (int i = 0; i < 64; ++i) {
    jobs.push_back(std::make_unique<PoolJob>(
        world.loop, [] { return std::string(1000, 'x'); }, [&heard](const std::string&) { heard = true; }));
  }
  jobs.clear();
  CHECK(world.loop.has_pool_work());
  world.run_until([&] { return !world.loop.has_pool_work(); });
  CHECK_FALSE(heard);
}
