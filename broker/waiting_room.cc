#include "broker/waiting_room.h"

#include <utility>

namespace tenfold::broker {

void Opening::withdraw() {
  if (room_ != nullptr) room_->leave(*this);
}

void WaitingRoom::enter(Opening& opening) {
  if (size_ == limits::waiting_visitors) {
    return opening.on_open_failed({ErrorKind::limit, "too many visitors wait for this tunnel"});
  }
  opening.room_ = this;
  opening.give_up_ = runtime_.now() + limits::waiting_time;
  opening.previous_ = last_;
  (last_ == nullptr ? first_ : last_->next_) = &opening;
  last_ = &opening;
  ++size_;
  if (!timer_.armed()) runtime_.timers.arm(timer_, opening.give_up_);
}

Opening* WaitingRoom::next() {
  Opening* opening = first_;
  if (opening != nullptr) leave(*opening);
  return opening;
}

void WaitingRoom::put_back(Opening& opening) {
  opening.room_ = this;
  opening.next_ = first_;
  (first_ == nullptr ? last_ : first_->previous_) = &opening;
  first_ = &opening;
  ++size_;
  runtime_.timers.arm(timer_, opening.give_up_);
}

void WaitingRoom::turn_away(const Error& why) {
  while (Opening* opening = next()) opening->on_open_failed(why);
}

void WaitingRoom::leave(Opening& opening) {
  (opening.previous_ == nullptr ? first_ : opening.previous_->next_) = opening.next_;
  (opening.next_ == nullptr ? last_ : opening.next_->previous_) = opening.previous_;
  opening.next_ = nullptr;
  opening.previous_ = nullptr;
  opening.room_ = nullptr;
  if (--size_ == 0) runtime_.timers.disarm(timer_);
}

void WaitingRoom::on_timeout() {
  while (first_ != nullptr && first_->give_up_ <= runtime_.now()) {
    next()->on_open_failed({ErrorKind::limit, "no free connection to the agent in time"});
  }
  if (first_ != nullptr) runtime_.timers.arm(timer_, first_->give_up_);
}

}  // namespace tenfold::broker
