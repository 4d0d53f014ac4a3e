#include "splice.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace tenfold {

Splice::Splice(Runtime& runtime, std::unique_ptr<Duplex> left, std::unique_ptr<Duplex> right, Owner& owner)
    : runtime_(runtime), owner_(owner) {
  sides_[0].pipe = std::move(left);
  sides_[1].pipe = std::move(right);
  for (int i = 0; i < 2; ++i) {
    sides_[i].splice = this;
    sides_[i].other = &sides_[1 - i];
  }
}

Splice::~Splice() { reset(ErrorKind::cancelled); }

void Splice::start(Bytes early_left, Bytes early_right, bool left_ended, bool right_ended) {
  const Bytes early[2] = {early_left, early_right};
  const bool ended[2] = {left_ended, right_ended};
  for (Side& side : sides_) side.earlier = side.pipe->queued();
  for (int i = 0; i < 2; ++i) {
    sides_[i].pipe->set_handler(&sides_[i]);
    if (!early[i].empty()) sides_[i].on_data(early[i]);
    if (ended[i]) sides_[i].on_end();
  }
}

void Splice::reset(ErrorKind why) {
  if (std::exchange(state_, State::done) == State::done) return;
  runtime_.timers.disarm(no_progress_);
  for (Side& side : sides_) side.pipe->reset(why);
}

void Splice::end() {
  if (state_ != State::joined) return;
  for (Side& side : sides_) {
    side.pipe->end();
    side.ended = true;
  }
}

bool Splice::unbegun() const {
  const Side& app = sides_[1];
  // A socket passes most of its bytes to the kernel before it reports them as sent. So few bytes are all still queued,
  // or were reported.
  return turn_ == Turn::answer && app.unanswered < limits::request_kept && app.pipe->queued() == app.unanswered;
}

void Splice::note_turn(Bytes beginning) {
  if (turn_of_ != nullptr && turn_ != Turn::raw) turn_ = turn_of_(beginning);
}

// `remaining` sends its queue; bytes that still arrive from it are dropped.
void Splice::part(Side& remaining, const Error& why) {
  if (remaining.closed || remaining.pipe->queued() == 0) return finish(why);
  state_ = State::parting;
  remaining_ = &remaining;
  why_ = why;
  settle_parting();
}

void Splice::settle_parting() {
  if (remaining_->pipe->queued() == 0) return finish(why_);
  runtime_.timers.arm_in(no_progress_, remaining_ == &left() ? limits::reader_idle : limits::parting_time);
}

void Splice::finish(const Error& why) {
  if (std::exchange(state_, State::done) == State::done) return;
  runtime_.timers.disarm(no_progress_);
  owner_.on_splice_cut(why);
  for (Side& side : sides_) side.pipe->reset(why.kind);
  owner_.on_splice_done(*this, why);
}

void Splice::Side::on_data(Bytes bytes) {
  if (splice->state_ == State::done) return;
  if (splice->state_ == State::parting) return pipe->credit(bytes.size());
  if (this == &splice->right() && unanswered != 0) splice->note_turn(bytes);
  carried += bytes.size();
  unanswered = 0;
  if (this == &splice->left() && other->ended && splice->unbegun()) {
    pipe->credit(bytes.size());
    return splice->part(*this, {ErrorKind::unbegun, "the app had closed its connection before"});
  }
  other->unanswered += bytes.size();
  if (const std::size_t gone = other->pipe->write(bytes); gone != 0) pipe->credit(gone);
}

void Splice::Side::on_sent(std::size_t n) {
  if (splice->state_ == State::done) return;
  const std::size_t not_ours = std::min(n, earlier);
  earlier -= not_ours;
  if (n > not_ours) other->pipe->credit(n - not_ours);
  if (splice->state_ == State::parting && this == splice->remaining_) splice->settle_parting();
}

void Splice::Side::on_end() {
  if (splice->state_ != State::joined || std::exchange(ended, true)) return;
  if (this == &splice->right() && unanswered != 0 && splice->unbegun()) {
    return splice->part(*other, {ErrorKind::unbegun, "the app closed its connection before the request left"});
  }
  other->pipe->end();
}

void Splice::Side::on_closed(const Error& why) {
  if (splice->state_ == State::done) return;
  if (splice->state_ == State::parting) {
    if (this == splice->remaining_) splice->finish(splice->why_);
    return;
  }
  // A clean close means that both directions of this pipe are done. The other pipe was then told to end and may still
  // be sending its last bytes; its own on_closed() follows.
  if (why.kind == ErrorKind::none && !other->closed) {
    closed = true;
    return;
  }
  splice->part(*other, why);
}

}  // namespace tenfold
