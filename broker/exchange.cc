#include "broker/exchange.h"

#include <algorithm>
#include <cassert>

#include "base/limits.h"
#include "http1/head_writer.h"

namespace tenfold::broker {
namespace {

// A kept pipe may have been closed by the app at this moment, and a request that changes something
// cannot be sent twice (RFC 9110 9.2.2): such a one takes only a pipe that was in use just now.
constexpr Duration patience_unsafe = 1s;
constexpr Duration patience_safe = 30s;

bool is_safe(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE";
}

}  // namespace

Exchange::~Exchange() { cancel(); }

void Exchange::start(std::shared_ptr<Tunnel> tunnel, const ForwardedRequest& request) {
  assert(state_ == State::idle);
  state_ = State::opening;
  tunnel_ = std::move(tunnel);
  visitor_address_.assign(request.visitor);
  to_head_ = request.head.method == "HEAD";
  has_body_ = request.framing.kind == http1::Framing::Kind::chunked || request.framing.length != 0;
  chunked_ = request.framing.kind == http1::Framing::Kind::chunked;
  safe_ = is_safe(request.head.method) && !has_body_;
  head_ = head_buffers_.take_text();
  write_forwarded_head(request, tunnel_->name(), head_, upgrade_);
  tunnel_->open(*this);
}

Duration Exchange::opening_patience() const {
  if (retried_) return Duration::zero();
  return safe_ ? patience_safe : patience_unsafe;
}

void Exchange::on_open(Upstream upstream) {
  state_ = State::awaiting;
  upstream_ = std::move(upstream);
  upstream_->set_handler(this);
  upstream_->write(to_bytes(head_));
  request_sent_ = !has_body_;
  runtime_.timers.arm_in(*this, limits::first_byte_time);
  if (has_body_) visitor_.on_body_wanted();
}

void Exchange::send_body(Bytes bytes) {
  if (state_ == State::idle || bytes.empty()) return;
  assert(upstream_ && !request_sent_);
  body_unsent_ += bytes.size();
  if (chunked_) {
    upstream_->write(http1::ChunkHead(bytes.size()).bytes());
    upstream_->write(bytes);
    upstream_->write(to_bytes(http1::chunk_end));
  } else {
    upstream_->write(bytes);
  }
  if (state_ == State::awaiting) runtime_.timers.arm_in(*this, limits::first_byte_time);
  settle_body();
}

void Exchange::end_body(const http1::Fields& trailers) {
  if (state_ == State::idle) return;
  request_sent_ = true;
  if (!chunked_) return;
  std::string end(http1::last_chunk);
  write_trailers(trailers, end);
  upstream_->write(to_bytes(end));
}

void Exchange::credit(std::size_t n) {
  if (!upstream_) return;
  answer_held_ -= n;
  upstream_->credit(n);
}

void Exchange::cancel() {
  withdraw();
  // What was written goes, and a FIN behind it: a bare cut would overtake the request's head, and look to a classic
  // client like a socket that was closed before anybody used it. (A stream's reset says why, and needs no help.)
  if (upstream_ && !answer_began_) upstream_->end();
  if (upstream_) upstream_.drop(ErrorKind::cancelled);
  reset_state();
}

// At most what is still queued has not gone: the rest has, framing or not.
void Exchange::settle_body() {
  const std::size_t queued = upstream_ ? upstream_->queued() : 0;
  if (body_unsent_ <= queued) return;
  const std::size_t gone = body_unsent_ - queued;
  body_unsent_ = queued;
  visitor_.on_body_gone(gone);
}

void Exchange::on_sent(std::size_t) {
  if (state_ == State::awaiting) runtime_.timers.arm_in(*this, limits::first_byte_time);
  settle_body();
}

void Exchange::on_data(Bytes bytes) {
  answer_began_ = true;
  while (!bytes.empty()) {
    if (state_ == State::awaiting) {
      const std::size_t taken = reader_.feed(bytes);
      upstream_->credit(taken);
      bytes = bytes.subspan(taken);
      if (reader_.failed()) return fail({ErrorKind::protocol, reader_.fault().reason});
      if (reader_.done() && !take_head(bytes)) return;
      continue;
    }
    runtime_.timers.arm_in(*this, gap_);
    const http1::BodyReader::Step step = answer_body_.next(bytes);
    upstream_->credit(step.taken - step.payload.size());
    bytes = bytes.subspan(step.taken);
    if (!step.payload.empty()) {
      answer_held_ += step.payload.size();
      visitor_.on_answer_data(step.payload);
      if (state_ != State::answering) return;
    }
    if (answer_body_.failed()) return fail({ErrorKind::protocol, answer_body_.fault().reason});
    // Bytes that nobody asked for: whatever they are, they are not the next answer.
    if (answer_body_.done()) return finish(bytes.empty());
  }
}

bool Exchange::take_head(Bytes rest) {
  const http1::ResponseHead& head = reader_.response();
  if (head.status == 101) {
    if (!request_sent_ || !switches_as_asked(head, upgrade_)) {
      fail({ErrorKind::protocol, "unasked-upgrade"});
      return false;
    }
    Upstream upstream = std::move(upstream_);
    upstream->set_handler(nullptr);
    runtime_.timers.disarm(*this);
    visitor_.on_switched(head, std::move(upstream), rest);
    reset_state();
    return false;
  }
  if (head.status < 200) {
    if (++interims_ > static_cast<int>(limits::interim_answers)) {
      fail({ErrorKind::protocol, "endless-1xx"});
      return false;
    }
    visitor_.on_interim(head);
    if (state_ != State::awaiting) return false;
    reader_.clear();
    return true;
  }
  const http1::Framed framed = http1::response_framing(head, to_head_);
  if (framed.fault) {
    fail({ErrorKind::protocol, framed.fault.reason});
    return false;
  }
  state_ = State::answering;
  keep_upstream_ = http1::wants_keep_alive(head.minor_version, head.fields) &&
                   framed.framing.kind != http1::Framing::Kind::until_close;
  // A body of a known length that stops is stuck; one without may be a stream of events.
  gap_ = framed.framing.kind == http1::Framing::Kind::length ? limits::body_idle : limits::stream_idle;
  runtime_.timers.arm_in(*this, gap_);
  answer_body_.start(framed.framing);
  visitor_.on_answer(head, framed.framing);
  if (state_ != State::answering) return false;
  if (!answer_body_.done()) return true;
  finish(rest.empty());
  return false;
}

void Exchange::finish(bool clean) {
  // "If the app answers before the body's end, that upstream is closed": what is left of the body
  // would be read as the next request.
  if (clean && keep_upstream_ && request_sent_ && upstream_->queued() == 0) {
    // What the visitor has not taken yet stands in its own queue, and holds back its next request there.
    upstream_->credit(answer_held_);
    Upstream::give_back(std::move(upstream_));
  } else {
    upstream_.drop(ErrorKind::cancelled);
  }
  const std::size_t unsent = body_unsent_;
  reset_state();
  if (unsent != 0) visitor_.on_body_gone(unsent);
  visitor_.on_answer_end(answer_body_.trailers());
}

void Exchange::on_end() {
  if (state_ == State::answering && answer_body_.end_of_input()) {
    keep_upstream_ = false;
    return finish(true);
  }
  upstream_lost({ErrorKind::none, {}});
}

void Exchange::on_closed(const Error& why) { upstream_lost(why); }

void Exchange::upstream_lost(const Error& why) {
  const bool stale = upstream_.reused() || why.kind == ErrorKind::closed;
  if (state_ == State::awaiting && !answer_began_ && safe_ && stale && !retried_) {
    retried_ = true;
    upstream_.drop(ErrorKind::cancelled);
    state_ = State::opening;
    return tunnel_->open(*this);
  }
  if (state_ == State::answering || answer_began_) return fail({ErrorKind::cancelled, "the app cut its answer short"});
  // A reset or an end without a word is one and the same to a visitor: the app broke.
  const bool said_why = why.kind == ErrorKind::refused || why.kind == ErrorKind::timeout ||
                        why.kind == ErrorKind::dns || why.kind == ErrorKind::tls;
  fail(said_why ? why : Error{ErrorKind::cancelled, "the app closed the connection without an answer"});
}

// The app is slow, or has stopped in the middle of its answer.
void Exchange::on_timer() {
  if (answer_held_ != 0) return runtime_.timers.arm_in(*this, gap_);
  if (state_ == State::answering && gap_ == limits::body_idle && upstream_) {
    return fail({ErrorKind::io, "the app's answer stopped half way"});
  }
  fail({ErrorKind::io, "no answer from the app in time"});
}

void Exchange::fail(const Error& why) {
  withdraw();
  upstream_.drop(ErrorKind::cancelled);
  const std::size_t unsent = body_unsent_;
  reset_state();
  if (unsent != 0) visitor_.on_body_gone(unsent);
  visitor_.on_failed(why);
}

void Exchange::reset_state() {
  runtime_.timers.disarm(*this);
  state_ = State::idle;
  tunnel_ = nullptr;
  reader_.clear();
  head_buffers_.put(std::exchange(head_, {}));
  request_sent_ = false;
  retried_ = false;
  answer_began_ = false;
  interims_ = 0;
  body_unsent_ = 0;
  answer_held_ = 0;
}

}  // namespace tenfold::broker
