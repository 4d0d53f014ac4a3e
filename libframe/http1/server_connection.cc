#include "http1/server_connection.h"

#include <cassert>
#include <utility>

#include "base/limits.h"
#include "http1/request_target.h"

namespace tenfold::http1 {
namespace {

// The Accept field of a head at fault, as far as it was read; empty if there is none.
std::string_view accept_in(std::string_view head) {
  constexpr std::string_view name = "accept:";
  while (!head.empty()) {
    const std::size_t end = head.find('\n');
    const std::string_view line = head.substr(0, end);
    if (line.size() > name.size() && http::equal_nocase(line.substr(0, name.size()), name)) {
      std::string_view value = line.substr(name.size());
      if (value.ends_with('\r')) value.remove_suffix(1);
      return http::trim_blanks(value);
    }
    if (end == std::string_view::npos) break;
    head.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace

ServerConnection::ServerConnection(ServerShared& shared, const http::Patience& patience, Owner& owner,
                                   std::unique_ptr<Duplex> connection)
    : shared_(shared),
      runtime_(shared.runtime),
      patience_(patience),
      owner_(owner),
      connection_(std::move(connection)),
      held_(shared.runtime.blocks) {}

// The handler of the stream borrows it.
ServerConnection::~ServerConnection() {
  if (http::ServerStream::Handler* handler = std::exchange(handler_, nullptr)) {
    state_ = State::over;
    handler->on_gone({{ErrorKind::cancelled, "the server is going down", Origin::broker}});
  }
}

void ServerConnection::start() {
  runtime_.timers.arm_in(*this, patience_.keep_alive);
  connection_->set_handler(this);
}

ServerConnection::Rare& ServerConnection::rare() {
  if (rare_ == nullptr) rare_ = std::make_unique<Rare>();
  return *rare_;
}

const http::RequestHead& ServerConnection::head() const { return reader_.done() ? reader_.request() : rare_->seen; }

void ServerConnection::announce_drain() {
  draining_ = true;
  if (!answered_) keep_ = false;
}

void ServerConnection::drain() {
  draining_ = true;
  keep_ = false;
  if (!idle()) return;
  const TimePoint silent = idle_since_ + limits::keep_alive_grace;
  if (idle_since_ == TimePoint{} || silent <= runtime_.now()) return linger();
  runtime_.timers.arm(*this, silent);
}

void ServerConnection::end_now(const http::Fault& fault) {
  switch (state_) {
    case State::serving:
      body_wanted_ = false;
      refused_ = true;
      keep_ = false;
      fail_request({ErrorKind::closed, fault.reason, Origin::broker}, http::Limit::none);
      return answered_ ? abort() : owner_.on_fault(*this, fault, http::Limit::none);
    case State::idle:
    case State::reading: return linger();
    case State::lingering:
    case State::cutting:
    case State::over: return;
  }
}

// ---- Bytes ----------------------------------------------------------------------------

void ServerConnection::on_data(Bytes bytes) {
  if (state_ == State::cutting) return connection_->credit(bytes.size());
  if (state_ == State::lingering) {
    arm_linger();
    return connection_->credit(bytes.size());
  }
  if (held_.empty() && !processing_) {
    processing_ = true;
    while (!bytes.empty() && state_ != State::over) {
      const std::size_t taken = process(bytes);
      if (taken == 0) break;
      bytes = bytes.subspan(taken);
    }
    processing_ = false;
    if (state_ == State::over) return;
  }
  held_.append(bytes);
}

// Processes held bytes, as far as possible now.
void ServerConnection::go_on() {
  processing_ = true;
  while (!held_.empty() && state_ != State::over) {
    const std::size_t taken = process(held_.front());
    if (taken == 0 || state_ == State::over) break;
    held_.consume(taken);
  }
  processing_ = false;
  settle_held();
}

// A FIN takes effect when all bytes before it were processed.
void ServerConnection::settle_held() {
  if (!held_.empty() || !ended_ || processing_) return;
  if (state_ == State::idle || state_ == State::reading) return linger();
  if (state_ == State::serving && !request_whole_ && body_wanted_) {
    fail_request({ErrorKind::cancelled, "the visitor left in the middle of his request", Origin::visitor},
                 http::Limit::none);
    abort();
  }
}

// Consumes some of `bytes`; returns how many, 0 when they must wait.
std::size_t ServerConnection::process(Bytes bytes) {
  switch (state_) {
    case State::idle:
      // A visitor that sends requests without reading answers: do not queue more answers.
      if (connection_->queued() > limits::buffered_low) return 0;
      [[fallthrough]];
    case State::reading: return read_head(bytes);
    case State::serving: return request_whole_ || !body_wanted_ ? 0 : read_request_body(bytes);
    case State::lingering:
    case State::cutting: connection_->credit(bytes.size()); return bytes.size();
    case State::over: return 0;
  }
  return 0;
}

std::size_t ServerConnection::read_head(Bytes bytes) {
  const std::size_t taken = reader_.feed(bytes);
  connection_->credit(taken);
  if (reader_.failed()) {
    refuse(reader_.fault());
  } else if (reader_.done()) {
    rest_ = bytes.subspan(taken);
    on_head();
    rest_ = {};
  } else if (state_ == State::idle && reader_.started()) {
    state_ = State::reading;
    runtime_.timers.arm_in(*this, patience_.head);
  }
  return taken;
}

std::size_t ServerConnection::read_request_body(Bytes bytes) {
  const BodyReader::Step step = body_.next(bytes);
  connection_->credit(step.taken - step.payload.size());
  if (body_.failed()) {
    connection_->credit(step.payload.size());
    refuse(body_.fault());
    return step.taken;
  }
  rest_ = bytes.subspan(step.taken);
  if (!step.payload.empty()) {
    continue_awaited_ = false;
    body_held_ += step.payload.size();
    handler_->on_body(step.payload);
  }
  if (state_ == State::serving && body_.done()) {
    request_whole_ = true;
    if (handler_ != nullptr) handler_->on_body_end(body_.trailers());
  }
  rest_ = {};
  if (state_ == State::serving) await_visitor(Awaited::sender);
  return step.taken;
}

void ServerConnection::on_end() {
  ended_ = true;
  switch (state_) {
    case State::idle:
      if (held_.empty()) linger();
      break;
    case State::reading: linger(); break;
    case State::serving:
      // A visitor may send FIN after the last request and still read. An incomplete request cannot be answered.
      if (request_whole_ || !held_.empty()) return await_visitor();
      fail_request({ErrorKind::cancelled, "the visitor left in the middle of his request", Origin::visitor},
                   http::Limit::none);
      abort();
      break;
    case State::lingering:
    case State::cutting:
    case State::over: break;
  }
}

void ServerConnection::on_closed(const Error& why) {
  const http::Gone gone{{why.kind, why.detail, Origin::visitor}};
  if (state_ == State::serving) fail_request(gone.why, http::Limit::none);
  report_closed(gone);
}

void ServerConnection::on_sent(std::size_t) {
  switch (state_) {
    case State::serving: {
      const std::size_t gone = settle_answer();
      if (gone != 0 && handler_ != nullptr) handler_->on_sent(gone);
      if (state_ == State::serving) await_visitor(Awaited::reader);
      return;
    }
    case State::idle:
      runtime_.timers.arm_in(*this, patience_.keep_alive + limits::keep_alive_grace);
      if (!held_.empty()) go_on();
      return;
    case State::lingering: return arm_linger();
    case State::cutting:
      if (connection_->queued() == 0) return cut({});
      return runtime_.timers.arm_in(*this, patience_.reader_idle);
    case State::reading:
    case State::over: return;
  }
}

// ---- A request ------------------------------------------------------------------------

void ServerConnection::on_head() {
  state_ = State::serving;
  answered_ = false;
  body_wanted_ = false;
  awaited_ = Awaited::nobody;
  const http::RequestHead& head = reader_.request();
  const Framed framed = request_framing(head);
  body_.start(framed.framing);
  body_size_ = body_size(framed.framing);
  request_whole_ = body_.done();
  continue_awaited_ =
      !request_whole_ && head.minor_version == 1 && http::has_token(head.fields, "Expect", "100-continue");
  keep_ = !draining_ && http::wants_keep_alive(head.minor_version, head.fields);
  await_visitor();
  if (framed.fault) return refuse(framed.fault);
  std::string made;
  const Target target = read_target(head, made);
  if (target.fault) return refuse(target.fault);
  if (made.empty()) {
    reader_.settle(target.origin, target.authority);
  } else {
    rare().target = std::move(made);
    reader_.settle(rare().target, target.authority);
  }
  owner_.on_request(*this);
}

void ServerConnection::refuse(const http::Fault& fault, http::Limit limit) {
  keep_ = false;
  refused_ = true;
  body_wanted_ = false;
  if (!reader_.done()) {
    // A head at fault shows no fields but those that can be found in its lines.
    rare().seen = {reader_.to_head() ? "HEAD" : "", {}, 1, {{"Accept", accept_in(reader_.received())}}, {}};
    answered_ = false;
    request_whole_ = false;
  }
  state_ = State::serving;
  fail_request({ErrorKind::protocol, fault.reason, Origin::visitor}, limit);
  if (answered_) return abort();
  owner_.on_fault(*this, fault, limit);
}

// Reports to the handler, if there is one.
void ServerConnection::fail_request(const Error& why, http::Limit limit) {
  if (http::ServerStream::Handler* handler = std::exchange(handler_, nullptr)) handler->on_gone({why, limit});
  release_body();
}

// What who answered still held of the body.
void ServerConnection::release_body() {
  if (body_held_ != 0) connection_->credit(std::exchange(body_held_, 0));
}

void ServerConnection::read_body() {
  body_wanted_ = true;
  await_visitor();
  if (processing_) return;
  if (!held_.empty() || ended_) runtime_.timers.arm(go_on_, runtime_.now());
}

void ServerConnection::credit(std::size_t n) {
  if (connection_ == nullptr) return;
  body_held_ -= n;
  connection_->credit(n);
  if (state_ == State::serving) await_visitor(Awaited::sender);
}

}  // namespace tenfold::http1
