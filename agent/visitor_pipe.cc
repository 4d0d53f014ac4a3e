#include "agent/visitor_pipe.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/limits.h"

namespace tenfold {

VisitorPipe::VisitorPipe(Runtime& runtime, std::unique_ptr<Duplex> pipe, std::unique_ptr<HostRewriter> rewriter,
                         Ends ends)
    : runtime_(runtime),
      pipe_(std::move(pipe)),
      rewriter_(std::move(rewriter)),
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
  if (rewriter_ != nullptr && rewriter_->watches_answer()) {
    rewriter_->on_answer(bytes);
    // No event comes from inside a write(): what the verdict lets through goes in a turn of its own.
    if (!rewriter_->watches_answer() && !held_.empty()) runtime_.timers.arm_in(later_, 0s);
  }
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
  if (rewriter_ == nullptr) {
    out_ -= n;
    return pipe_->credit(n);
  }
  const std::uint64_t share = in_ * n / out_;  // all of it when n == out_
  in_ -= share;
  out_ -= n;
  if (share != 0) pipe_->credit(share);
}

void VisitorPipe::on_data(Bytes bytes) {
  answered_ = false;
  last_byte_ = runtime_.now();
  if (rewriter_ == nullptr) {
    out_ += bytes.size();
    return handler_->on_data(bytes);
  }
  const std::size_t taken = held_.empty() ? pass_on(bytes) : 0;
  if (!done_) held_.append(bytes.subspan(taken));
}

// Returns how many bytes the rewriter took.
std::size_t VisitorPipe::pass_on(Bytes bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && running()) {
    const HostRewriter::Step step = rewriter_->next(bytes.subspan(taken));
    if (rewriter_->failed()) {
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
  if (running() && std::exchange(close_held_, false)) on_closed({});
}

void VisitorPipe::fail() {
  const char* reason = rewriter_->fault().reason;
  runtime_.log.warn("reject", {{"reason", reason}, {"from", "broker"}});
  reset(ErrorKind::protocol);
  handler_->on_closed({ErrorKind::protocol, std::string("a request that cannot be read: ") + reason});
}

void VisitorPipe::on_end() {
  if (held_.empty()) return pass_on_end();
  end_held_ = true;
}

void VisitorPipe::pass_on_end() {
  wind_down();
  handler_->on_end();
}

void VisitorPipe::end() {
  pipe_->end();
  wind_down();
}

void VisitorPipe::on_sent(std::size_t n) {
  last_byte_ = runtime_.now();
  handler_->on_sent(n);
}

// What was answered long ago is over at once; who has not been answered yet gets a moment.
void VisitorPipe::wind_down() {
  if (ends_ != Ends::as_one || done_ || quiet_.armed()) return;
  if (!answered_) last_byte_ = runtime_.now();
  runtime_.timers.arm(quiet_, std::max(runtime_.now(), last_byte_ + limits::classic_quiet));
}

void VisitorPipe::on_quiet() {
  if (!running()) return;
  // Whoever reads slowly is not silent.
  if (pipe_->queued() != 0 || out_ != 0) last_byte_ = runtime_.now();
  const TimePoint over = last_byte_ + limits::classic_quiet;
  if (runtime_.now() < over) return runtime_.timers.arm(quiet_, over);
  done_ = true;
  held_.clear();
  pipe_->end();
  pipe_->set_handler(nullptr);
  handler_->on_closed({ErrorKind::cancelled, "one side of the socket ended"});
}

void VisitorPipe::on_closed(const Error& why) {
  if (why.kind == ErrorKind::none && !held_.empty()) {
    close_held_ = true;
    return;
  }
  done_ = true;
  held_.clear();
  handler_->on_closed(why);
}

}  // namespace tenfold
