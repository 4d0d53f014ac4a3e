#include "agent/links/sleep_watch.h"
#include "agent/rules.h"

#include <ctime>
#include <utility>

namespace tenfold {
namespace {

Duration read(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace

// In this order, a delay between the two reads makes the result smaller, and never looks like a sleep.
Duration SystemSuspendClock::suspended() {
  const Duration since_boot = read(CLOCK_BOOTTIME);
  return since_boot - read(CLOCK_MONOTONIC);
}

bool SleepWatch::look() {
  const Duration suspended = clock_.suspended();
  const Duration slept = suspended - std::exchange(seen_, suspended);
  if (slept <= rules::slept_least) return false;
  runtime_.log.info("slept", {{"s", std::chrono::duration_cast<std::chrono::seconds>(slept).count()}});
  owner_.on_slept(slept);
  return true;
}

void SleepWatch::on_time() {
  start();
  look();
}

}  // namespace tenfold
