#include "agent/links/backoff.h"
#include "agent/rules.h"

#include <algorithm>
#include <utility>

namespace tenfold {

Duration Backoff::next(TimePoint now) {
  const std::optional<TimePoint> up_since = std::exchange(up_since_, std::nullopt);
  if (up_since && now - *up_since >= rules::backoff_reset) failures_ = 0;

  if (failures_ == 0) failing_since_ = now;
  const Duration most = now - failing_since_ < rules::backoff_early ? rules::backoff_most_early : rules::backoff_most;
  // The cap is 2, 4, 8, … times the minimum wait. After 16 doublings it exceeds the maximum in any case.
  const Duration cap = std::min(most, rules::backoff_least * (2 << std::min(failures_, 16)));
  ++failures_;
  const auto spread = static_cast<double>((cap - rules::backoff_least).count());
  return rules::backoff_least + Duration(static_cast<Duration::rep>(random_() * spread));
}

}  // namespace tenfold
