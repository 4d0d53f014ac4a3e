#include "broker/tunnels/waiting_room.h"
#include "broker/rules.h"

namespace tenfold::broker {

void WaitingRoom::enter(Opening& opening) {
  if (waiting_.size() == rules::waiting_visitors) {
    return opening.on_open_failed({ErrorKind::limit, "too many visitors wait for this tunnel", Origin::broker});
  }
  waiting_.push_back(opening, runtime_.now() + rules::waiting_time);
  if (!timer_.armed()) runtime_.timers.arm(timer_, waiting_.front_time());
}

void WaitingRoom::put_back(Opening& opening) {
  waiting_.push_front(opening);
  runtime_.timers.arm(timer_, waiting_.front_time());
}

void WaitingRoom::turn_away(const Error& why) {
  while (Opening* opening = next()) opening->on_open_failed(why);
}

void WaitingRoom::on_timeout() {
  while (!waiting_.empty() && waiting_.front_time() <= runtime_.now()) {
    next()->on_open_failed({ErrorKind::limit, "no free connection to the agent in time", Origin::broker});
  }
  if (!waiting_.empty()) runtime_.timers.arm(timer_, waiting_.front_time());
}

}  // namespace tenfold::broker
