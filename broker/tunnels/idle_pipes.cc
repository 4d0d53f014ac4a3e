#include "broker/tunnels/idle_pipes.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace tenfold::broker {

IdlePipes::IdlePipes(Runtime& runtime, Owner& owner, std::size_t most, Duration keep)
    : runtime_(runtime), owner_(owner), order_(nullptr), most_(most), keep_(keep) {}

IdlePipes::IdlePipes(Runtime& runtime, Owner& owner, Order& order, Duration keep)
    : runtime_(runtime), owner_(owner), order_(&order), most_(std::numeric_limits<std::size_t>::max()), keep_(keep) {}

IdlePipes::~IdlePipes() { clear(); }

void IdlePipes::put(std::unique_ptr<Duplex> pipe, bool used, Duration keep) {
  if (count_ == most_) discard(*seats_.front());
  if (count_ == seats_.size()) seats_.push_back(std::make_unique<Seat>(*this));
  Seat& seat = *seats_[count_++];
  seat.pipe = std::move(pipe);
  keep = std::min(keep, keep_);
  seat.until = keep == Duration::max() ? never : runtime_.now() + keep;
  seat.used = used;
  if (seat.until != never && (!timer_.armed() || seat.until < timer_.due())) runtime_.timers.arm(timer_, seat.until);
  if (order_ != nullptr) order_->add(seat);
  seat.pipe->set_handler(&seat);
}

IdlePipes::Taken IdlePipes::take(Wanted wanted) {
  std::size_t place = count_;
  for (std::size_t i = count_; i-- > 0;) {
    const Seat& seat = *seats_[i];
    if (seat.used && wanted == Wanted::any && seat.until > runtime_.now()) {
      place = i;
      break;
    }
    if (!seat.used && place == count_) place = i;
  }
  if (place == count_) return {};
  const bool used = seats_[place]->used;
  Taken taken{vacate(place), used};
  taken.pipe->set_handler(nullptr);
  return taken;
}

std::unique_ptr<Duplex> IdlePipes::vacate(std::size_t place) {
  Seat& seat = *seats_[place];
  if (order_ != nullptr) order_->remove(seat);
  const auto at = seats_.begin() + static_cast<std::ptrdiff_t>(place);
  std::rotate(at, at + 1, seats_.begin() + static_cast<std::ptrdiff_t>(count_));
  --count_;
  return std::move(seat.pipe);
}

void IdlePipes::clear() {
  while (count_ != 0) {
    std::unique_ptr<Duplex> pipe = vacate(count_ - 1);
    // No event of it reaches the seat any more, which may be gone before the pipe is.
    pipe->reset(ErrorKind::cancelled);
    runtime_.graveyard.bury(std::move(pipe));
  }
}

void IdlePipes::discard(Seat& seat) {
  const auto place =
      std::find_if(seats_.begin(), seats_.end(), [&](const auto& other) { return other.get() == &seat; });
  std::unique_ptr<Duplex> pipe = vacate(static_cast<std::size_t>(place - seats_.begin()));
  pipe->reset(ErrorKind::cancelled);
  runtime_.graveyard.bury(std::move(pipe));
  owner_.on_idle_pipe_gone();
}

void IdlePipes::discard_all() {
  while (count_ != 0) discard(*seats_[count_ - 1]);
}

void IdlePipes::on_timeout() {
  for (std::size_t i = count_; i-- > 0;) {
    if (i < count_ && seats_[i]->until <= runtime_.now()) discard(*seats_[i]);
  }
  TimePoint next = never;
  for (std::size_t i = 0; i < count_; ++i) next = std::min(next, seats_[i]->until);
  if (next != never) runtime_.timers.arm(timer_, next);
}

void IdlePipes::Seat::on_data(Bytes) { pipes_.discard(*this); }
void IdlePipes::Seat::on_end() { pipes_.discard(*this); }
void IdlePipes::Seat::on_closed(const Error&) { pipes_.discard(*this); }

void IdlePipes::Order::add(Seat& seat) {
  seat.older = newest_;
  seat.newer = nullptr;
  (newest_ == nullptr ? oldest_ : newest_->newer) = &seat;
  newest_ = &seat;
  ++size_;
}

void IdlePipes::Order::remove(Seat& seat) {
  (seat.older == nullptr ? oldest_ : seat.older->newer) = seat.newer;
  (seat.newer == nullptr ? newest_ : seat.newer->older) = seat.older;
  --size_;
}

bool IdlePipes::Order::discard_oldest() {
  if (oldest_ == nullptr) return false;
  oldest_->pipes_.discard(*oldest_);
  return true;
}

}  // namespace tenfold::broker
