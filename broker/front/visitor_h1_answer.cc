// The half of VisitorH1 that answers: an answer is rendered for this visitor as it comes, and the connection finds its
// end, in order, by a cut, or because a wait ran out.
#include <algorithm>
#include <limits>
#include <utility>

#include "base/limits.h"
#include "broker/app/answer_head.h"
#include "broker/front/visitor_h1.h"
#include "http1/head_writer.h"

namespace tenfold::broker {
namespace {

using Kind = http1::Framing::Kind;

// An upgraded connection is looked at so often in the time that it may be idle.
constexpr int looks_in_stream_idle = 4;

}  // namespace

// ---- Its answer ---------------------------------------------------------------------

void VisitorH1::on_interim(const http::ResponseHead& head) {
  if (reader_.request().minor_version == 0) return;  // RFC 9110 15.2: never to HTTP/1.0
  side_.head.clear();
  write_interim_head(head, side_.head);
  connection_->write(to_bytes(side_.head));
  await_visitor(Awaited::leaver);
}

void VisitorH1::on_answer(const http::ResponseHead& head, http1::Framing framing) {
  const http::RequestHead& request = reader_.request();
  answer_begun_ = true;
  side_.head.clear();
  const AnswerForm form = write_answer_head(head, framing, request.minor_version, request.method == "HEAD",
                                            keep_ && request_whole_ ? keep_alive() : Duration::zero(), side_.head);
  keep_ = form.keep;
  answer_framing_ = form.body;
  connection_->write(to_bytes(side_.head));
  await_visitor(Awaited::leaver);
}

void VisitorH1::on_answer_data(Bytes bytes) {
  answer_unsent_ += bytes.size();
  if (answer_framing_ == Kind::chunked) {
    connection_->write(http1::ChunkHead(bytes.size()).bytes());
    connection_->write(bytes);
    connection_->write(to_bytes(http1::chunk_end));
  } else {
    connection_->write(bytes);
  }
  await_visitor(Awaited::leaver);
  settle_answer();
}

void VisitorH1::on_answer_end(const http::Fields& trailers) {
  if (answer_framing_ == Kind::chunked) {
    side_.head.assign(http1::last_chunk);
    write_trailers(trailers, side_.head);
    connection_->write(to_bytes(side_.head));
  }
  request_done();
}

void VisitorH1::on_switched(const http::ResponseHead& head, Upstream upstream, Bytes early) {
  side_.head.clear();
  write_switch_head(head, side_.head);
  connection_->write(to_bytes(side_.head));
  std::string held(held_.size(), '\0');
  held_.peek({reinterpret_cast<std::uint8_t*>(held.data()), held.size()});
  held_.clear();
  state_ = State::spliced;
  loan_ = std::move(upstream);
  Splice::Owner& owner = *this;
  splice_ = std::make_unique<Splice>(side_.runtime, std::move(connection_), loan_.take_pipe(), owner);
  reader_.clear();
  side_.runtime.timers.arm_in(*this, side_.patience.stream_idle / looks_in_stream_idle);
  splice_->start(to_bytes(held), early, ended_, false);
}

void VisitorH1::on_failed(const Error& why, http::Limit limit) {
  const Trouble what = trouble_of(why);
  side_.runtime.log.info("failed", {{"tunnel", route_.name},
                                    {"code", what.code},
                                    {limit == http::Limit::none ? "cause" : "limit",
                                     limit == http::Limit::none ? to_string(why.kind) : http::to_string(limit)},
                                    {"detail", why.detail},
                                    {"request", request_id_},
                                    {"peer", address_}});
  // "After the head has gone out, a failure is a visible cut, never a clean end."
  if (answer_begun_) return limit == http::Limit::reader_stands ? reset() : cut();
  trouble(what, !request_whole_);
}

void VisitorH1::settle_answer() {
  const std::size_t queued = connection_->queued();
  if (answer_unsent_ <= queued) return;
  const std::size_t gone = answer_unsent_ - queued;
  answer_unsent_ = queued;
  exchange_.credit(gone);
}

void VisitorH1::trouble(const Trouble& what, bool close) {
  reply(trouble_reply(what, reader_.request().fields, request_id_), close);
}

void VisitorH1::reply(const Reply& answer, bool close) {
  const http::RequestHead& request = reader_.request();
  keep_ = keep_ && !close;
  side_.head.clear();
  write_reply(answer, request.method == "HEAD", side_.dates.now(), keep_ ? keep_alive() : Duration::zero(), side_.head);
  connection_->write(to_bytes(side_.head));
  request_done();
}

void VisitorH1::refuse(const http::Fault& fault, http::Limit limit) {
  if (limit == http::Limit::none) {
    side_.runtime.log.info("reject", {{"reason", fault.reason}, {"status", fault.status}, {"peer", address_}});
  } else {
    side_.runtime.log.info(
        "reject",
        {{"reason", fault.reason}, {"limit", http::to_string(limit)}, {"status", fault.status}, {"peer", address_}});
  }
  if (answer_begun_) return cut();
  keep_ = false;
  side_.head.clear();
  // A head at fault has no fields but what can be seen of its lines.
  http::Fields seen;
  const bool whole = reader_.done();
  if (!whole) seen.push_back({"Accept", accept_in(reader_.received())});
  if (!whole) request_id_.assign(side_.request_ids.next());
  Reply answer = trouble_reply(trouble_of(fault), whole ? reader_.request().fields : seen, request_id_);
  if (fault.status == 405) answer.fields.emplace_back("Allow", tunnel_methods);
  write_reply(answer, reader_.to_head(), side_.dates.now(), Duration::zero(), side_.head);
  connection_->write(to_bytes(side_.head));
  linger_until_ = side_.runtime.now() + limits::linger_refused;
  linger();
}

void VisitorH1::request_done() {
  if (!keep_ || !request_whole_) return linger();
  state_ = State::idle;
  answer_begun_ = false;
  answer_unsent_ = 0;
  reader_.clear();
  side_.runtime.timers.arm_in(*this, keep_alive() + limits::keep_alive_grace);
  process_held();
}

// ---- The end -----------------------------------------------------------------------

void VisitorH1::linger() {
  if (state_ == State::lingering || state_ == State::closed) return;
  state_ = State::lingering;
  // While process() is on the stack, it throws away by itself what is held.
  if (!processing_) {
    connection_->credit(held_.size());
    held_.clear();
  }
  connection_->end();
  arm_linger();
}

// The last answer goes on for as long as it moves; then the visitor has a moment to hear it, and a longer one while his
// own bytes still come.
void VisitorH1::arm_linger() {
  if (connection_->queued() != 0) return side_.runtime.timers.arm_in(*this, side_.patience.reader_idle);
  const TimePoint now = side_.runtime.now();
  if (linger_until_ == TimePoint{}) linger_until_ = now + limits::linger_most;
  side_.runtime.timers.arm(*this, std::min(now + limits::linger_time, linger_until_));
}

// The visitor went away in the middle of its request.
void VisitorH1::cut_request() {
  exchange_.cancel();
  cut();
}

void VisitorH1::cut() {
  if (connection_->queued() == 0) return reset();
  state_ = State::cutting;
  if (!processing_) {
    connection_->credit(held_.size());
    held_.clear();
  }
  side_.runtime.timers.arm_in(*this, side_.patience.reader_idle);
}

void VisitorH1::reset() {
  // Not `cancelled`, which may close an idle connection in peace: an answer that ends with its connection would look
  // whole.
  connection_->reset(ErrorKind::closed);
  report_closed();
}

void VisitorH1::report_closed() {
  if (std::exchange(state_, State::closed) == State::closed) return;
  side_.runtime.timers.disarm(*this);
  if (connection_ != nullptr) side_.runtime.graveyard.bury(std::move(connection_));
  owner_.on_visitor_closed(*this);
}

void VisitorH1::on_splice_done(Splice&, const Error&) {
  side_.runtime.graveyard.bury(std::move(splice_));
  loan_.drop(ErrorKind::none);
  report_closed();
}

// ---- Waiting for the visitor ----------------------------------------------------------

VisitorH1::Awaited VisitorH1::awaited_now() const {
  if (connection_->queued() != 0) return Awaited::reader;
  if (request_whole_) return ended_ ? Awaited::leaver : Awaited::nobody;
  const bool held_back = !body_wanted_ || !held_.empty() || exchange_.body_held_back() || exchange_.continue_awaited();
  const bool owes = !answer_begun_ && !held_back;
  return owes ? Awaited::sender : Awaited::nobody;
}

// What governs a pause in the request's body.
http::Limit VisitorH1::body_limit() const {
  const bool known = body_.remaining() != std::numeric_limits<std::uint64_t>::max();
  return known ? http::Limit::body_idle : http::Limit::stream_idle;
}

void VisitorH1::await_visitor(Awaited moved) {
  const Awaited now = awaited_now();
  if (now == std::exchange(awaited_, now) && now != moved && now != Awaited::nobody) return;
  switch (now) {
    case Awaited::sender:
      return side_.runtime.timers.arm_in(
          *this, body_limit() == http::Limit::body_idle ? side_.patience.body_idle : side_.patience.stream_idle);
    case Awaited::leaver: return side_.runtime.timers.arm_in(*this, side_.patience.half_close);
    // Nobody: the timer looks again, and disarming one would cost more.
    case Awaited::nobody:
    case Awaited::reader: return side_.runtime.timers.arm_in(*this, side_.patience.reader_idle);
  }
}

void VisitorH1::on_waited_enough() {
  switch (awaited_) {
    case Awaited::nobody: return side_.runtime.timers.arm_in(*this, side_.patience.reader_idle);
    case Awaited::sender: exchange_.cancel(); return refuse({408, "slow-body"}, body_limit());
    case Awaited::reader:
      log_cut(http::Limit::reader_idle);
      exchange_.cancel();
      return reset();
    case Awaited::leaver:
      log_cut(http::Limit::half_close);
      exchange_.cancel();
      return reset();
  }
}

void VisitorH1::log_cut(http::Limit limit) {
  side_.runtime.log.info(
      "cut",
      {{"limit", http::to_string(limit)}, {"tunnel", route_.name}, {"request", request_id_}, {"peer", address_}});
}

void VisitorH1::on_timer() {
  switch (state_) {
    case State::idle: return linger();
    case State::reading: return refuse({408, "slow-head"});
    case State::exchanging: return on_waited_enough();
    case State::lingering:
      if (connection_->queued() != 0) log_cut(http::Limit::reader_idle);
      return reset();
    case State::cutting: log_cut(http::Limit::reader_idle); return reset();
    case State::spliced: {
      const std::uint64_t carried = splice_->carried_from_left() + splice_->carried_from_right();
      const bool moved = std::exchange(carried_, carried) != carried;
      idle_looks_ = moved ? 0 : idle_looks_ + 1;
      if (idle_looks_ < looks_in_stream_idle) {
        return side_.runtime.timers.arm_in(*this, side_.patience.stream_idle / looks_in_stream_idle);
      }
      log_cut(http::Limit::stream_idle);
      splice_->reset(ErrorKind::timeout);
      return on_splice_done(*splice_, {});
    }
    case State::closed: return;
  }
}

}  // namespace tenfold::broker
