#include "splice.h"

#include <algorithm>
#include <utility>

namespace tenfold {

Splice::Splice(std::unique_ptr<Duplex> left, std::unique_ptr<Duplex> right, Owner& owner) : owner_(owner) {
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
    sides_[i].foreign = sides_[i].pipe->queued();
    sides_[i].pipe->set_handler(&sides_[i]);
    if (!early[i].empty()) sides_[i].on_data(early[i]);
    if (ended[i]) sides_[i].on_end();
  }
}

void Splice::reset(ErrorKind why) {
  if (std::exchange(done_, true)) return;
  for (Side& side : sides_) side.pipe->reset(why);
}

void Splice::finish(const Error& why) {
  if (std::exchange(done_, true)) return;
  for (Side& side : sides_) side.pipe->reset(why.kind);
  owner_.on_splice_done(*this, why);
}

void Splice::Side::on_data(Bytes bytes) {
  if (splice->done_) return;
  carried += bytes.size();
  if (const std::size_t gone = other->pipe->write(bytes); gone != 0) pipe->credit(gone);
}

void Splice::Side::on_sent(std::size_t n) {
  if (splice->done_) return;
  const std::size_t not_ours = std::min(n, earlier);
  earlier -= not_ours;
  if (n > not_ours) other->pipe->credit(n - not_ours);
}

void Splice::Side::on_end() {
  if (splice->done_ || std::exchange(ended, true)) return;
  other->pipe->end();
}

void Splice::Side::on_closed(const Error& why) {
  if (splice->done_) return;
  // A clean close says that both ways of this pipe are done, so the other pipe has been told to
  // end and may still be sending its last bytes: its own on_closed() comes when it has.
  if (why.kind == ErrorKind::none && !other->closed) {
    closed = true;
    return;
  }
  splice->finish(why);
}

}  // namespace tenfold
