// The half of Stream that handles the connection's reports: events for its handler, now or later, and the waits.
#include <cassert>
#include <string>
#include <utility>

#include "base/limits.h"
#include "http2/stream.h"
#include "http2/stream_pipe.h"

namespace tenfold::http2 {

void Stream::on_body(Bytes bytes) {
  if (over_ || done_ || in_way_ != In::flowing) return;
  uncredited_ += bytes.size();
  progress();
  if (handler_ == nullptr || !reading_ || !held_.empty()) return held_.append(bytes);
  handler_->on_body(bytes);
}

void Stream::on_end() {
  if (in_way_ != In::flowing) return;
  in_way_ = expects_body() ? In::ended : In::told;
  settle_wait();
  if (!done_ && handler_ != nullptr && in_way_ == In::ended && reading_ && held_.empty()) tell_end();
}

void Stream::on_sent(std::size_t n) {
  progress();
  if (done_) return;
  if (handler_ == nullptr) {
    sent_untold_ += n;
    return;
  }
  queued_ -= n;
  handler_->on_sent(n);
}

void Stream::on_over(H2Code code) {
  over_ = true;
  out_.clear();
  settle_wait();
  const bool clean = code == H2Code::no_error && out_way_ == Out::ended && in_way_ != In::flowing;
  if (!clean) {
    take_gone({{.kind = reset_kind(code), .detail = std::string("the stream was reset: ") + to_string(code)}});
  } else if (upgraded_) {
    take_gone({});
  }
  core_.settle(*this);
}

void Stream::take_gone(http::Gone gone) {
  if (done_ || gone_) return;
  if (!reading_) held_.clear();
  gone_ = std::move(gone);
  if (handler_ != nullptr) tell_later();
}

bool Stream::has_news() const {
  return sent_untold_ != 0 || (reading_ && (!held_.empty() || in_way_ == In::ended)) || gone_;
}

void Stream::tell_later() { runtime_.timers.arm_in(later_, Duration::zero()); }

void Stream::tell() {
  if (handler_ == nullptr) return;
  if (const std::size_t n = std::exchange(sent_untold_, 0); n != 0) {
    queued_ -= n;
    handler_->on_sent(n);
  }
  if (reading_ && !tell_body()) return;
  if (handler_ != nullptr && reading_ && in_way_ == In::ended) tell_end();
  if (handler_ != nullptr && gone_) tell_gone();
}

// Returns whether the handler still listens.
bool Stream::tell_body() {
  // Moved out of the stream, since a handler may end the stream while it reads.
  ByteQueue telling = std::move(held_);
  while (!telling.empty() && handler_ != nullptr) {
    const Bytes front = telling.front();
    handler_->on_body(front);
    telling.consume(front.size());
  }
  if (!done_ && !telling.empty()) held_ = std::move(telling);
  return handler_ != nullptr;
}

void Stream::tell_end() {
  in_way_ = In::told;
  http::Fields trailers;
  for (std::size_t i = 0; i < trailers_.size(); ++i) trailers.push_back(trailers_.view(i));
  std::erase_if(trailers, [&trailers](const http::Field& field) {
    return field.name.starts_with(':') || !http::allowed_in_trailer(trailers, field.name);
  });
  handler_->on_body_end(trailers);
}

void Stream::tell_gone() {
  const http::Gone gone = *std::exchange(gone_, std::nullopt);
  done_ = true;
  pipe_ = nullptr;
  held_.clear();
  std::exchange(handler_, nullptr)->on_gone(gone);
  core_.settle(*this);
}

void Stream::part() {
  const http::Gone gone{{ErrorKind::closed, "the connection is gone", Origin::visitor}};
  over_ = true;
  if (std::exchange(done_, true)) return;
  runtime_.timers.disarm(later_);
  // Also reported to a paused pipe.
  Handler* const handler = pipe_ != nullptr ? pipe_->as_handler() : handler_;
  handler_ = nullptr;
  if (handler != nullptr) handler->on_gone(gone);
}

// ---- Waits -----------------------------------------------------------------------

http::Limit Stream::waits_for() const {
  using http::Limit;
  if (over_ || !announced_) return Limit::none;
  const bool has_credit = uncredited_ < growth_.window();
  if (upgraded_) {
    if (has_output()) return Limit::reader_idle;
    return has_credit ? Limit::stream_idle : Limit::none;
  }
  if (out_way_ == Out::waiting) {
    if (in_way_ != In::flowing || !expects_body() || !has_credit) return Limit::none;
    return body().kind == http::BodySize::Kind::known ? Limit::body_idle : Limit::stream_idle;
  }
  const bool something_waits = out_way_ != Out::flowing || !head_sent_ || has_output();
  return something_waits ? Limit::reader_idle : Limit::none;
}

Duration Stream::patience(http::Limit limit) const {
  const http::Patience& patience = core_.options().patience;
  switch (limit) {
    case http::Limit::body_idle: return patience.body_idle;
    case http::Limit::stream_idle: return patience.stream_idle;
    default: return patience.reader_idle;
  }
}

void Stream::progress() {
  limit_ = http::Limit::none;
  settle_wait();
}

void Stream::settle_wait() {
  const http::Limit limit = waits_for();
  if (limit == limit_ && limit != http::Limit::none) return;
  limit_ = limit;
  if (limit == http::Limit::none) return runtime_.timers.disarm(wait_);
  runtime_.timers.arm_in(wait_, patience(limit));
}

void Stream::on_wait_over() {
  const http::Limit limit = std::exchange(limit_, http::Limit::none);
  if (done_) runtime_.log.info("stream-cut", {{"limit", http::to_string(limit)}});
  take_gone({{ErrorKind::timeout, "the visitor is silent", Origin::visitor}, limit});
  core_.cut(*this, H2Code::cancel);
}

}  // namespace tenfold::http2
