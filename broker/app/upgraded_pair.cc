#include "broker/app/upgraded_pair.h"

#include <utility>

namespace tenfold::broker {
namespace {

// The number of idle checks within stream_idle.
constexpr int looks_in_stream_idle = 4;

}  // namespace

UpgradedPair::UpgradedPair(Runtime& runtime, Duration stream_idle, http::Upgraded visitor, Upstream upstream,
                           Bytes early, Owner& owner)
    : runtime_(runtime), stream_idle_(stream_idle), owner_(owner), loan_(std::move(upstream)) {
  Splice::Owner& splice_owner = *this;
  splice_ = std::make_unique<Splice>(runtime_, std::move(visitor.pipe), loan_.take_pipe(), splice_owner);
  runtime_.timers.arm_in(*this, stream_idle_ / looks_in_stream_idle);
  splice_->start(to_bytes(visitor.early), early, visitor.ended, false);
}

void UpgradedPair::on_splice_done(Splice&, const Error&) { over(http::Limit::none); }

void UpgradedPair::on_timer() {
  const std::uint64_t carried = splice_->carried_from_left() + splice_->carried_from_right();
  const bool moved = std::exchange(carried_, carried) != carried;
  idle_looks_ = moved ? 0 : idle_looks_ + 1;
  if (idle_looks_ < looks_in_stream_idle) return runtime_.timers.arm_in(*this, stream_idle_ / looks_in_stream_idle);
  splice_->reset(ErrorKind::timeout);
  over(http::Limit::stream_idle);
}

void UpgradedPair::over(http::Limit limit) {
  runtime_.timers.disarm(*this);
  loan_.drop(ErrorKind::none);
  owner_.on_upgraded_over(limit);
}

}  // namespace tenfold::broker
