#include "broker/tunnels/pipe_watch.h"

#include <algorithm>

#include "base/limits.h"

namespace tenfold::broker {
namespace {

// Whoever waits gets the pipe of one who went before the next one goes.
constexpr Duration next_eviction = 50ms;

// A request that was asked so long before one that is answered is worth another look later.
constexpr Duration pardon_after = limits::app_stuck_time / 2;

}  // namespace

void PipeWatch::asked(Opening& opening) {
  unanswered_.push_back(opening, runtime_.now());
  if (!stuck_timer_.armed()) runtime_.timers.arm(stuck_timer_, unanswered_.front_time() + limits::app_stuck_time);
}

void PipeWatch::answered(Opening& opening) {
  if (!unanswered_.has(opening)) return;
  while (unanswered_.front() != &opening && unanswered_.front_time() + pardon_after <= runtime_.now()) {
    unanswered_.push_back(*unanswered_.front(), runtime_.now());
  }
  opening.withdraw();
}

bool PipeWatch::app_stuck() const {
  return !unanswered_.empty() && unanswered_.front_time() + limits::app_stuck_time <= runtime_.now();
}

void PipeWatch::on_stuck() {
  if (app_stuck()) owner_.on_app_stuck();
  if (unanswered_.empty()) return;
  const TimePoint next = unanswered_.front_time() + limits::app_stuck_time;
  runtime_.timers.arm(stuck_timer_, next > runtime_.now() ? next : runtime_.now() + limits::app_stuck_time);
}

void PipeWatch::stands(Opening& opening) {
  if (standing_.has(opening)) return;
  standing_.push_back(opening, runtime_.now());
  if (owner_.someone_waits()) make_room();
}

void PipeWatch::moves(Opening& opening) {
  if (standing_.has(opening)) opening.withdraw();
}

TimePoint PipeWatch::first_due() const { return standing_.front_time() + limits::reader_stands; }

void PipeWatch::make_room() {
  if (standing_.empty() || !owner_.someone_waits()) return;
  if (first_due() > runtime_.now()) return runtime_.timers.arm(room_timer_, first_due());
  evict_first();
  if (!standing_.empty()) runtime_.timers.arm(room_timer_, std::max(first_due(), runtime_.now() + next_eviction));
}

}  // namespace tenfold::broker
