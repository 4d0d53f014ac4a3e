#include "broker/link/memory_guard.h"

#include "base/limits.h"

namespace tenfold::broker {
namespace {

// What one who was cut had is given back before the next one goes.
constexpr Duration next_eviction = 50ms;

}  // namespace

MemoryGuard::MemoryGuard(Runtime& runtime, Owner& owner, std::size_t most)
    : runtime_(runtime), owner_(owner), high_(most / sizeof(BlockPool::Block)), low_(high_ / 4 * 3) {
  runtime_.blocks.watch(this, high_, low_);
}

MemoryGuard::~MemoryGuard() { runtime_.blocks.watch(nullptr, 0, 0); }

// Not at once: a block is taken, and given, in the middle of anything.
void MemoryGuard::on_blocks_high() {
  if (!timer_.armed()) runtime_.timers.arm(timer_, runtime_.now());
}

void MemoryGuard::on_blocks_low() {
  if (short_) runtime_.timers.arm(timer_, runtime_.now());
}

void MemoryGuard::settle() {
  const std::size_t used = runtime_.blocks.blocks_in_use();
  const bool is_short = used > high_ || (short_ && used > low_);
  if (is_short != short_) {
    short_ = is_short;
    const std::size_t kept = used * sizeof(BlockPool::Block);
    if (is_short) {
      runtime_.log.warn("memory-short", {{"kept", kept}});
    } else {
      runtime_.log.info("memory-enough", {{"kept", kept}});
    }
    owner_.on_memory(is_short);
  }
  if (used > high_) settle_next();
}

void MemoryGuard::settle_next() {
  const TimePoint since = owner_.standing_since();
  // What is kept then is on its way, or not the links'. The next block looks again.
  if (since == never) return;
  const TimePoint due = since + limits::reader_stands;
  if (due > runtime_.now()) return runtime_.timers.arm(timer_, due);
  owner_.evict_first();
  runtime_.timers.arm_in(timer_, next_eviction);
}

}  // namespace tenfold::broker
