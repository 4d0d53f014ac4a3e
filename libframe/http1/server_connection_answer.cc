// The half of ServerConnection that answers: it renders an answer for this visitor, and ends the connection: in order,
// by a cut, or because a wait expired.
#include <algorithm>
#include <cassert>
#include <limits>
#include <utility>

#include "base/limits.h"
#include "http1/head_writer.h"
#include "http1/server_connection.h"

namespace tenfold::http1 {
namespace {

using Body = AnswerForm::Body;

}  // namespace

// ---- The answer -----------------------------------------------------------------------

void ServerConnection::interim(const http::ResponseHead& interim_head) {
  if (interim_head.status == 100) continue_awaited_ = false;
  if (head().minor_version == 0) return;  // RFC 9110 15.2: never to HTTP/1.0
  shared_.head.clear();
  write_interim_head(interim_head, shared_.head);
  connection_->write(to_bytes(shared_.head));
  await_visitor(Awaited::leaver);
}

void ServerConnection::answer(const http::ResponseHead& answer_head, http::BodySize size) {
  assert(state_ == State::serving && !answered_);
  answered_ = true;
  const http::RequestHead& request = head();
  shared_.head.clear();
  const AnswerForm form =
      write_answer_head(answer_head, size, request.minor_version, request.method == "HEAD",
                        keep_ && request_whole_ ? patience_.keep_alive : Duration::zero(), shared_.head);
  keep_ = form.keep;
  answer_body_ = form.body;
  connection_->write(to_bytes(shared_.head));
  await_visitor(Awaited::leaver);
}

std::size_t ServerConnection::write(Bytes bytes) {
  if (bytes.empty()) return settle_answer();  // as a chunk it would be the last one
  answer_unsent_ += bytes.size();
  if (answer_body_ == Body::chunked) {
    connection_->write(ChunkHead(bytes.size()).bytes());
    connection_->write(bytes);
    connection_->write(to_bytes(chunk_end));
  } else {
    connection_->write(bytes);
  }
  await_visitor(Awaited::leaver);
  return settle_answer();
}

void ServerConnection::end(const http::Fields& trailers) {
  assert(answered_);
  if (answer_body_ == Body::chunked) {
    shared_.head.assign(last_chunk);
    write_trailers(trailers, shared_.head);
    connection_->write(to_bytes(shared_.head));
  }
  handler_ = nullptr;
  release_body();
  if (refused_) linger_until_ = runtime_.now() + limits::linger_refused;
  if (!keep_ || !request_whole_) return linger();
  state_ = State::idle;
  idle_since_ = runtime_.now();
  answered_ = false;
  answer_unsent_ = 0;
  reader_.clear();
  runtime_.timers.arm_in(*this, patience_.keep_alive + limits::keep_alive_grace);
  if (!processing_ && (!held_.empty() || ended_)) runtime_.timers.arm(go_on_, runtime_.now());
  if (draining_ && idle()) owner_.on_idle_in_drain(*this);
}

http::Upgraded ServerConnection::upgrade(const http::ResponseHead& switch_head) {
  assert(state_ == State::serving && !answered_);
  shared_.head.clear();
  write_switch_head(switch_head, shared_.head);
  connection_->write(to_bytes(shared_.head));
  http::Upgraded upgraded;
  upgraded.ended = ended_;
  if (held_.empty()) {
    upgraded.early = to_text(rest_);
  } else {
    upgraded.early.resize(held_.size());
    held_.peek({reinterpret_cast<std::uint8_t*>(upgraded.early.data()), upgraded.early.size()});
    // `rest_` is the end of the first run of the held bytes.
    if (processing_) upgraded.early.erase(0, held_.front().size() - rest_.size());
  }
  held_.clear();
  handler_ = nullptr;
  release_body();
  connection_->set_handler(nullptr);
  upgraded.pipe = std::move(connection_);
  reader_.clear();
  report_closed({});
  return upgraded;
}

// How much of the body was certainly sent: the rest is queued, with or without its framing.
std::size_t ServerConnection::settle_answer() {
  const std::size_t queued = connection_->queued();
  if (answer_unsent_ <= queued) return 0;
  return std::exchange(answer_unsent_, queued) - queued;
}

// ---- The end --------------------------------------------------------------------------

// Discards held and further input. While process() is on the stack, process() does it.
void ServerConnection::stop_reading() {
  if (processing_) return;
  connection_->credit(held_.size());
  held_.clear();
}

void ServerConnection::linger() {
  if (state_ == State::lingering || state_ == State::over) return;
  state_ = State::lingering;
  stop_reading();
  connection_->end();
  arm_linger();
}

// The last answer may take as long as it makes progress; then the visitor has a short time to close, and a longer one
// while it still sends.
void ServerConnection::arm_linger() {
  if (connection_->queued() != 0) return runtime_.timers.arm_in(*this, patience_.reader_idle);
  const TimePoint now = runtime_.now();
  if (linger_until_ == TimePoint{}) linger_until_ = now + limits::linger_most;
  runtime_.timers.arm(*this, std::min(now + limits::linger_time, linger_until_));
}

void ServerConnection::abort() {
  handler_ = nullptr;
  release_body();
  if (connection_->queued() == 0) return cut({});
  state_ = State::cutting;
  stop_reading();
  runtime_.timers.arm_in(*this, patience_.reader_idle);
}

void ServerConnection::cut(const http::Gone& gone) {
  handler_ = nullptr;
  // Not `cancelled`, which may close an idle connection cleanly: an answer that ends with its connection would look
  // complete.
  connection_->reset(ErrorKind::closed);
  report_closed(gone);
}

void ServerConnection::report_closed(const http::Gone& gone) {
  if (std::exchange(state_, State::over) == State::over) return;
  runtime_.timers.disarm(*this);
  runtime_.timers.disarm(go_on_);
  if (connection_ != nullptr) runtime_.graveyard.bury(std::move(connection_));
  owner_.on_connection_closed(*this, gone);
}

// ---- Waiting for the visitor ------------------------------------------------------------

ServerConnection::Awaited ServerConnection::awaited_now() const {
  if (connection_->queued() != 0) return Awaited::reader;
  if (request_whole_) return ended_ ? Awaited::leaver : Awaited::nobody;
  const bool held_back = !body_wanted_ || !held_.empty() || body_held_ != 0 || continue_awaited_;
  return !answered_ && !held_back ? Awaited::sender : Awaited::nobody;
}

// The limit for a pause in the request's body.
http::Limit ServerConnection::body_limit() const {
  const bool known = body_.remaining() != std::numeric_limits<std::uint64_t>::max();
  return known ? http::Limit::body_idle : http::Limit::stream_idle;
}

// Starts the wait again if the awaited side changes or is `moved`.
void ServerConnection::await_visitor(Awaited moved) {
  const Awaited now = awaited_now();
  if (now == std::exchange(awaited_, now) && now != moved && now != Awaited::nobody) return;
  switch (now) {
    case Awaited::sender:
      return runtime_.timers.arm_in(
          *this, body_limit() == http::Limit::body_idle ? patience_.body_idle : patience_.stream_idle);
    case Awaited::leaver: return runtime_.timers.arm_in(*this, patience_.half_close);
    // No wait: the timer checks again when it fires, which costs less than disarming it.
    case Awaited::nobody:
    case Awaited::reader: return runtime_.timers.arm_in(*this, patience_.reader_idle);
  }
}

void ServerConnection::on_waited_enough() {
  const http::Limit limit = awaited_ == Awaited::reader ? http::Limit::reader_idle : http::Limit::half_close;
  switch (awaited_) {
    case Awaited::nobody: return runtime_.timers.arm_in(*this, patience_.reader_idle);
    case Awaited::sender: return refuse({408, "slow-body"}, body_limit());
    case Awaited::reader:
    case Awaited::leaver:
      fail_request({ErrorKind::silent, "the visitor was waited for in vain", Origin::visitor}, limit);
      return cut({});
  }
}

void ServerConnection::on_timer() {
  const http::Gone reader_idle{{ErrorKind::silent, "the visitor takes nothing", Origin::visitor},
                               http::Limit::reader_idle};
  switch (state_) {
    case State::idle: return linger();
    case State::reading: return refuse({408, "slow-head"});
    case State::serving: return on_waited_enough();
    case State::lingering: return cut(connection_->queued() != 0 ? reader_idle : http::Gone{});
    case State::cutting: return cut(reader_idle);
    case State::over: return;
  }
}

}  // namespace tenfold::http1
