#include "mux/keepalive.h"

#include <algorithm>

namespace tenfold {

Keepalive::Act Keepalive::on_time(TimePoint now, bool quiet) {
  if (now < next_) return Act::nothing;
  if (quiet && heard_ && rtt_ != Duration::zero() && now < heard_at_ + quiet_) {
    next_ = heard_at_ + quiet_;
    missed_ = 0;
    return Act::nothing;
  }
  next_ = now + every_;
  if (!sent_ || heard_) {
    missed_ = 0;
  } else if (++missed_ >= missed_most_) {
    return Act::dead;
  }
  sent_ = now;
  heard_ = false;
  return Act::ping;
}

void Keepalive::on_pong(TimePoint now) {
  if (!sent_) return;
  // A path within the clock's grain is a known path still.
  const Duration took = std::max<Duration>(now - *sent_, Duration(1));
  const bool first = rtt_ == Duration::zero();
  rtt_ = first ? took : std::min<Duration>(took, rtt_ + rtt_ / 4 + 1us);
  sent_.reset();
}

}  // namespace tenfold
