#include "mux/window_growth.h"

#include <algorithm>
#include <utility>

namespace tenfold {

std::uint32_t WindowGrowth::on_credit(std::size_t n, TimePoint now, const Around& around) {
  drained_ += n;
  if (drained_ < window_ / 2) return 0;
  drained_ = 0;
  const Duration took = now - std::exchange(since_, now);
  const bool path_is_longer = around.rtt > Duration::zero() && took <= around.rtt;
  // A holder with a queue of its own is the slow part: a larger window would only make that queue longer.
  const bool holder_keeps_up = around.waiting <= window_ / 4;
  if (!path_is_longer || !holder_keeps_up || window_ >= around.most) return 0;
  const std::uint32_t more = std::min(window_, around.most - window_);
  if (more > around.budget) return 0;
  window_ += more;
  return more;
}

}  // namespace tenfold
