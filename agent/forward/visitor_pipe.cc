#include "agent/forward/visitor_pipe.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "agent/rules.h"
#include "base/limits.h"

namespace tenfold {

VisitorPipe::VisitorPipe(Runtime& runtime, std::unique_ptr<Duplex> pipe, HttpPass& pass, Ends ends,
                         std::function<void()> on_half_closed)
    : runtime_(runtime),
      pipe_(std::move(pipe)),
      pass_(pass),
      on_half_closed_(std::move(on_half_closed)),
      held_(runtime.blocks),
      ends_(ends),
      last_byte_(runtime.now()) {}

void VisitorPipe::set_handler(Duplex::Handler* handler) {
  handler_ = handler;
  pipe_->set_handler(handler == nullptr ? nullptr : static_cast<Duplex::Handler*>(this));
  if (handler != nullptr && (!held_.empty() || end_held_)) runtime_.timers.arm_in(later_, 0s);
}

std::size_t VisitorPipe::write(Bytes bytes) {
  answered_ = true;
  last_byte_ = runtime_.now();
  if (in_ended_) wind_down();  // these bytes may complete the answer
  // No event comes from inside a write(): bytes that the answer releases are passed on in a separate turn.
  if (!held_.empty() && !pass_.holds()) runtime_.timers.arm_in(later_, 0s);
  return pipe_->write(bytes);
}

void VisitorPipe::reset(ErrorKind why) {
  done_ = true;
  held_.clear();
  pipe_->reset(why);
}

void VisitorPipe::credit(std::size_t n) {
  assert(n <= out_ || done_);
  if (n == 0 || done_) return;
  const std::uint64_t share = in_ * n / out_;  // everything when n == out_
  in_ -= share;
  out_ -= n;
  if (share != 0) pipe_->credit(share);
}

void VisitorPipe::on_data(Bytes bytes) {
  visited_ = true;
  answered_ = false;
  last_byte_ = runtime_.now();
  const std::size_t taken = held_.empty() ? pass_on(bytes) : 0;
  if (!done_) held_.append(bytes.subspan(taken));
}

// Returns how many bytes the pass consumed.
std::size_t VisitorPipe::pass_on(Bytes bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && running()) {
    const HttpPass::Step step = pass_.next(bytes.subspan(taken));
    if (pass_.failed()) {
      fail();
      break;
    }
    if (step.taken == 0) break;
    taken += step.taken;
    absorbed_ += step.taken;
    if (step.out.empty()) continue;
    in_ += std::exchange(absorbed_, 0);
    out_ += step.out.size();
    handler_->on_data(step.out);
  }
  return taken;
}

void VisitorPipe::pass_on_held() {
  while (!held_.empty() && running()) {
    const std::size_t taken = pass_on(held_.front());
    if (done_) return;
    if (taken == 0) return;
    held_.consume(taken);
  }
  if (!held_.empty()) return;
  if (running() && std::exchange(end_held_, false)) pass_on_end();
  if (running() && close_held_ != nullptr) on_closed(*std::exchange(close_held_, nullptr));
}

void VisitorPipe::fail() {
  const char* reason = pass_.fault().reason;
  runtime_.log.warn("reject", {{"reason", reason}, {"from", "broker"}});
  reset(ErrorKind::protocol);
  handler_->on_closed({ErrorKind::protocol, std::string("a request that cannot be read: ") + reason});
}

void VisitorPipe::on_end() {
  if (held_.empty()) return pass_on_end();
  end_held_ = true;
}

void VisitorPipe::pass_on_end() {
  in_ended_ = true;
  wind_down();
  const bool half_closed = ends_ == Ends::as_one && under_way();
  handler_->on_end();
  if (half_closed && !done_ && on_half_closed_) on_half_closed_();
}

void VisitorPipe::end() {
  out_ended_ = true;
  pipe_->end();
  wind_down();
}

void VisitorPipe::on_sent(std::size_t n) {
  last_byte_ = runtime_.now();
  if (leaving_) wind_down();
  handler_->on_sent(n);
}

void VisitorPipe::on_closed(const Error& why) {
  // Bytes read before are passed on first, unless they must not be.
  if (!held_.empty() && (why.kind == ErrorKind::none || !pass_.holds())) {
    close_held_ = std::make_unique<Error>(why);
    if (!pass_.holds()) runtime_.timers.arm_in(later_, 0s);
    return;
  }
  done_ = true;
  held_.clear();
  handler_->on_closed(why);
}

// ---- A pipe that ends as one -----------------------------------------------------

// Whether the app still has something to answer.
bool VisitorPipe::under_way() const {
  if (out_ended_) return false;
  switch (pass_.turn()) {
    case HttpPass::Turn::request:
    case HttpPass::Turn::answer:
    case HttpPass::Turn::until_close: return true;
    case HttpPass::Turn::between:
    case HttpPass::Turn::over:
    case HttpPass::Turn::opaque: return false;
  }
  return false;
}

// How long the other side may be silent.
Duration VisitorPipe::patience() const {
  if (under_way()) return leaving_ ? limits::half_close_time : limits::first_byte_time;
  return leaving_ && pipe_->queued() == 0 && out_ == 0 ? 0s : rules::classic_quiet;
}

// A socket whose answer is long complete ends at once; one without an answer gets a short time.
void VisitorPipe::wind_down() {
  if (ends_ != Ends::as_one || done_ || !(in_ended_ || out_ended_)) return;
  if (!answered_ && !quiet_.armed()) last_byte_ = runtime_.now();
  runtime_.timers.arm(quiet_, std::max(runtime_.now(), last_byte_ + patience()));
}

void VisitorPipe::on_quiet() {
  if (!running()) return;
  // A slow reader is not silent.
  if (pipe_->queued() != 0 || out_ != 0) last_byte_ = runtime_.now();
  const TimePoint over = last_byte_ + patience();
  if (runtime_.now() < over) return runtime_.timers.arm(quiet_, over);
  done_ = true;
  held_.clear();
  pipe_->end();
  pipe_->set_handler(nullptr);
  handler_->on_closed({ErrorKind::cancelled, "one side of the socket ended"});
}

void VisitorPipe::leave() {
  leaving_ = true;
  wind_down();
}

}  // namespace tenfold
