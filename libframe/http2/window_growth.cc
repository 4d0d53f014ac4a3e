#include "http2/window_growth.h"

#include <algorithm>
#include <utility>

namespace tenfold {

std::uint32_t WindowGrowth::on_credit(std::size_t n, TimePoint now, const Around& around) {
  drained_ += n;
  least_waiting_ = std::min(least_waiting_, around.waiting);
  if (drained_ < window_) return 0;
  drained_ = 0;
  const Duration took = now - std::exchange(since_, now);
  const Duration when_held_back = 2 * (around.rtt + hosts_share) + around.rtt / 2;
  const bool path_is_longer = around.rtt > Duration::zero() && took <= when_held_back;
  const bool of_no_use = around.company && around.rtt < short_path;  // see grant()
  // A holder with a lasting queue is the slow part: a larger window would only lengthen that queue. A burst makes a
  // queue for a moment only.
  const bool holder_keeps_up = std::exchange(least_waiting_, all) <= window_ / 4;
  if (!path_is_longer || of_no_use || !holder_keeps_up || window_ >= around.most) return 0;
  std::uint32_t more = around.known > 2 * window_ ? around.known - window_ : window_;
  more = std::min(more, around.most - window_);
  if (more > around.budget) more = std::min(window_, around.most - window_);
  if (more > around.budget) return 0;
  window_ += more;
  return more;
}

std::uint32_t WindowGrowth::grant(Duration rtt, bool company) const {
  return company && rtt < short_path ? std::min(window_, start_) : window_;
}

}  // namespace tenfold
