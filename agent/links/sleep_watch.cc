#include "agent/links/sleep_watch.h"
#include "agent/rules.h"

#include <algorithm>
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

void SleepWatch::start() {
  due_ = runtime_.now() + rules::sleep_looked_every;
  runtime_.timers.arm(timer_, due_);
}

void SleepWatch::stop() {
  due_ = never;
  runtime_.timers.disarm(timer_);
}

bool SleepWatch::look() {
  const Duration suspended = clock_.suspended();
  const Duration late = due_ == never ? Duration::zero() : std::max(runtime_.now() - due_, Duration::zero());
  const Duration slept = suspended - std::exchange(seen_, suspended) + late;
  if (slept <= rules::slept_least) return false;
  if (due_ != never) start();  // so that a timer which is still late does not report the same once more
  runtime_.log.info("slept", {{"s", std::chrono::duration_cast<std::chrono::seconds>(slept).count()}});
  owner_.on_slept(slept);
  return true;
}

void SleepWatch::on_time() {
  if (!look()) start();
}

}  // namespace tenfold
