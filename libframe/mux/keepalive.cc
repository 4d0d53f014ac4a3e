#include "mux/keepalive.h"

#include <algorithm>

namespace tenfold {

Keepalive::Act Keepalive::on_time(TimePoint now) {
  if (now < next_) return Act::nothing;
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
  rtt_ = std::max<Duration>(now - *sent_, Duration(1));
  sent_.reset();
}

}  // namespace tenfold
