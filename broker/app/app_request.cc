#include "broker/app/app_request.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <utility>

#include "base/limits.h"
#include "broker/admission/client_address.h"
#include "broker/rules.h"
#include "http/failure_texts.h"
#include "http1/answer_guess.h"
#include "http1/head_writer.h"

namespace tenfold::broker {
namespace {

bool is_safe(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE";
}

// How long the app announces to keep an idle connection (RFC 9112 9.3, the Keep-Alive field of RFC 2068 19.7.1), less
// the time that a request needs to reach it.
Duration app_keeps(const http::Fields& fields) {
  Duration keeps = Duration::max();
  http::any_token(fields, "Keep-Alive", [&](std::string_view parameter) {
    constexpr std::string_view name = "timeout=";
    if (parameter.size() <= name.size() || !http::equal_nocase(parameter.substr(0, name.size()), name)) return false;
    unsigned seconds = 0;
    const char* const end = parameter.data() + parameter.size();
    if (const auto [rest, error] = std::from_chars(parameter.data() + name.size(), end, seconds);
        error == std::errc{} && rest == end) {
      keeps = seconds > 1 ? std::chrono::seconds(seconds - 1) : std::chrono::milliseconds(seconds * 500);
    }
    return true;
  });
  return keeps;
}

// An answer without a body whose head declares one: a faulty app may still send it, later.
bool speaks_of_a_body(const http::Fields& fields) {
  const http::Field* length = http::find(fields, "Content-Length");
  return (length != nullptr && length->value != "0") || http::find(fields, "Transfer-Encoding") != nullptr;
}

bool may_serve_another(const http::ResponseHead& head, http1::Framing::Kind kind) {
  using Kind = http1::Framing::Kind;
  return http::wants_keep_alive(head.minor_version, head.fields) && kind != Kind::until_close &&
         (kind != Kind::none || !speaks_of_a_body(head.fields));
}

// A head that is too large is not malformed: the message must not say so.
Error bad_answer(std::string_view reason) {
  std::string says = "is not valid HTTP: " + std::string(reason);
  if (reason == "long-head") {
    says = "has a head of more than " + std::to_string(limits::answer_head_bytes / limits::KiB) + " KiB";
  } else if (reason == "many-fields") {
    says = "has more than " + std::to_string(limits::answer_fields) + " fields";
  }
  return {ErrorKind::protocol, std::move(says), Origin::app};
}

}  // namespace

AppRequest::~AppRequest() {
  if (stream_ != nullptr) stream_->set_handler(nullptr);
  withdraw();
  upstream_.drop(ErrorKind::cancelled);
}

void AppRequest::start(std::shared_ptr<Tunnel> tunnel, http::ServerStream& stream, const ForwardedRequest& forwarded,
                       const http::Patience& patience, RequestRecord& record) {
  assert(state_ == State::idle);
  state_ = State::opening;
  tunnel_ = std::move(tunnel);
  stream_ = &stream;
  patience_ = &patience;
  record_ = &record;
  record.assigned = runtime_.now();
  agent_hears_ = forwarded.peer_ip == unix_peer ? std::string_view() : std::string_view(record.peer);
  const http::RequestHead& head = forwarded.head;
  to_head_ = head.method == "HEAD";
  has_body_ = !forwarded.body.empty();
  chunked_ = forwarded.body.kind == http::BodySize::Kind::unknown;
  safe_ = is_safe(head.method) && !has_body_;
  long_body_ = has_body_ && (chunked_ || forwarded.body.length > limits::request_kept);
  continue_awaited_ = has_body_ && head.minor_version == 1 && http::has_token(head.fields, "Expect", "100-continue");
  head_ = head_buffers_.take_text();
  write_forwarded_head(forwarded, tunnel_->name(), head_, upgrade_);
  stream.set_handler(this);
  tunnel_->open(*this);
}

// ---- The request ----------------------------------------------------------------------

void AppRequest::on_open(Upstream upstream) {
  state_ = State::awaiting;
  upstream_ = std::move(upstream);
  if (!retried_) record_->opened = runtime_.now();
  upstream_->set_handler(&pipe_);
  upstream_->write(to_bytes(head_));
  upstream_.note_asked(*this);
  if (retried_) {
    for (ByteQueue body = std::move(kept_body_); !body.empty(); body.consume(body.front().size())) {
      write_body(body.front());
    }
    upstream_->write(to_bytes(kept_end_));
  }
  request_sent_ = request_sent_ || !has_body_;
  await_app();
  if (retried_) return settle_body();
  if (has_body_) stream_->read_body();
}

void AppRequest::on_body(Bytes bytes) {
  assert(!request_sent_);
  continue_awaited_ = false;
  record_->body_in += bytes.size();
  body_unsent_ += bytes.size();
  const bool opening = state_ == State::opening;  // for a retry: on_open() continues with it
  if (!answer_began_ && (!retried_ || opening) && !body_lost_) {
    body_lost_ = !opening && kept_body_.size() + bytes.size() > limits::request_kept;
    if (body_lost_) {
      kept_body_.clear();
    } else {
      kept_body_.append(bytes);
    }
  }
  if (opening) return;
  write_body(bytes);
  await_app();
  settle_body();
}

void AppRequest::write_body(Bytes bytes) {
  if (chunked_) upstream_->write(http1::ChunkHead(bytes.size()).bytes());
  upstream_->write(bytes);
  if (chunked_) upstream_->write(to_bytes(http1::chunk_end));
}

void AppRequest::on_body_end(const http::Fields& trailers) {
  request_sent_ = true;
  continue_awaited_ = false;
  if (chunked_) {
    kept_end_ = http1::last_chunk;
    write_forwarded_trailers(trailers, kept_end_);
    if (state_ != State::opening) upstream_->write(to_bytes(kept_end_));
  }
  await_app();
}

// At most the queued bytes are unsent; all others were sent, with or without framing.
void AppRequest::settle_body() {
  const std::size_t queued = upstream_ ? upstream_->queued() : 0;
  if (body_unsent_ <= queued) return;
  stream_->credit(std::exchange(body_unsent_, queued) - queued);
}

void AppRequest::on_app_took() {
  await_app();
  settle_body();
}

// The visitor left; the answer is no longer needed.
void AppRequest::on_gone(const http::Gone& gone) {
  stream_ = nullptr;
  withdraw();
  // Sends what was written, and a FIN after it: a bare cut would overtake the request's head, and a classic client
  // would take it for a socket closed before use. (A stream's reset carries its reason and does not need this.)
  if (upstream_ && !answer_began_) upstream_->end();
  if (upstream_) upstream_.drop(ErrorKind::cancelled);
  over(Ending::gone, gone.why, gone.limit);
}

// ---- Waiting for the app --------------------------------------------------------------

void AppRequest::await_app() {
  if (state_ == State::awaiting) runtime_.timers.arm_in(*this, patience_->first_byte);
  if (state_ == State::answering) runtime_.timers.arm_in(*this, gap_time());
}

Duration AppRequest::gap_time() const {
  return gap_ == http::Limit::body_idle ? patience_->body_idle : patience_->stream_idle;
}

// The app is awaited while bytes of the request are on the way to it or all have been sent, and between two bytes of
// its answer if the visitor has read the earlier ones.
bool AppRequest::visitor_awaited() const {
  if (state_ == State::answering) return answer_held_ != 0;
  return !request_sent_ && !continue_awaited_ && upstream_->queued() == 0;
}

// On a pooled socket, the app's doing and the agent's look the same.
const char* AppRequest::who_answers() const { return upstream_.tells_unbegun() ? "the app" : "the app or its agent"; }

// The app is slow, or has stopped within its answer.
void AppRequest::on_timer() {
  if (state_ == State::ended) return upstream_lost({});
  if (visitor_awaited()) return await_app();
  fail({ErrorKind::silent, who_answers(), Origin::app}, state_ == State::answering ? gap_ : http::Limit::first_byte);
}

// ---- The answer -----------------------------------------------------------------------

void AppRequest::on_app_data(Bytes bytes) {
  if (!std::exchange(answer_began_, true)) {
    upstream_.note_answered(*this);
    kept_body_.clear();
    record_->first_byte = runtime_.now();
    record_->link = std::min(upstream_.round_trip(), record_->first_byte - record_->opened);
  }
  while (!bytes.empty()) {
    if (state_ == State::awaiting) {
      const std::size_t taken = reader_.feed(bytes);
      upstream_->credit(taken);
      bytes = bytes.subspan(taken);
      head_bytes_ += taken;
      if (reader_.failed()) return fail_bad_head();
      if (reader_.done() && !take_head(bytes)) return;
      continue;
    }
    const http1::BodyReader::Step step = answer_body_.next(bytes);
    upstream_->credit(step.taken - step.payload.size());
    bytes = bytes.subspan(step.taken);
    if (!step.payload.empty()) {
      answer_held_ += step.payload.size();
      record_->body_out += step.payload.size();
      answer_left(stream_->write(step.payload));
    }
    if (answer_body_.failed()) return fail(bad_answer(answer_body_.fault().reason));
    // Unrequested bytes: they are not the next answer.
    if (answer_body_.done()) return finish(bytes.empty());
    settle_reader();
    if (state_ != State::answering) return;
  }
}

void AppRequest::fail_bad_head() {
  const Bytes beginning = to_bytes(reader_.received());
  if (!http1::begins_as_answer(beginning)) {
    record_->hint = "began with \"" + http1::escaped(beginning) + '"';
    if (const std::string_view guess = http1::guess_of(beginning); !guess.empty())
      record_->hint.append(" and ").append(guess);
  }
  fail(bad_answer(reader_.failed() ? reader_.fault().reason : "no-status-line"));
}

bool AppRequest::take_head(Bytes rest) {
  const http::ResponseHead& head = reader_.response();
  if (head.status == 101) {
    if (!request_sent_ || !switches_as_asked(head, upgrade_)) {
      fail(bad_answer("unasked-upgrade"));
    } else {
      upgrade(head, rest);
    }
    return false;
  }
  if (head.status < 200) {
    if (++interims_ > static_cast<int>(limits::interim_answers) || head_bytes_ > rules::interim_bytes) {
      fail(bad_answer("endless-1xx"));
      return false;
    }
    continue_awaited_ = continue_awaited_ && head.status != 100;
    await_app();
    stream_->interim(head);
    reader_.clear();
    return true;
  }
  const http1::Framed framed = http1::response_framing(head, to_head_);
  if (framed.fault) {
    fail(bad_answer(framed.fault.reason));
    return false;
  }
  state_ = State::answering;
  using Kind = http1::Framing::Kind;
  const Kind kind = framed.framing.kind;
  keep_upstream_ = may_serve_another(head, kind);
  upstream_keeps_ = app_keeps(head.fields);
  gap_ = kind == Kind::length ? http::Limit::body_idle : http::Limit::stream_idle;
  await_app();
  answer_body_.start(framed.framing);
  record_->status = head.status;
  if (head.status >= 500 && !upstream_.tells_unbegun()) note_own_answer(head);
  if (head.status == 426 && stream_->head().minor_version == 0) {
    // RFC 9110 7.8: an Upgrade means nothing to HTTP/1.0.
    http::ResponseHead without = head;
    std::erase_if(without.fields, [](const http::Field& field) { return http::equal_nocase(field.name, "Upgrade"); });
    stream_->answer(without, http1::body_size(framed.framing));
  } else {
    stream_->answer(head, http1::body_size(framed.framing));
  }
  if (!answer_body_.done()) return true;
  finish(rest.empty());
  return false;
}

// On a pooled socket the agent may answer in place of the app, and marks such an answer.
void AppRequest::note_own_answer(const http::ResponseHead& head) {
  const http::Field* cause = http::find(head.fields, cause_code_field);
  if (cause == nullptr) return;
  for (const FailureForm& form : failure_forms()) {
    if (form.code == cause->value && form.status == head.status)
      record_->why = {form.kind, "as its agent says", form.origin};
  }
}

void AppRequest::upgrade(const http::ResponseHead& head, Bytes early) {
  withdraw();
  upstream_->set_handler(nullptr);
  runtime_.timers.disarm(*this);
  state_ = State::upgraded;
  record_->status = head.status;
  owner_.on_app_request_upgrading();
  http::Upgraded visitor = std::exchange(stream_, nullptr)->upgrade(head);
  UpgradedPair::Owner& pair_owner = *this;
  pair_ = std::make_unique<UpgradedPair>(runtime_, patience_->stream_idle, std::move(visitor), std::move(upstream_),
                                         early, pair_owner);
  reader_.clear();
}

void AppRequest::on_upgraded_over(http::Limit limit) {
  record_->body_in = pair_->from_visitor();
  record_->body_out = pair_->from_app();
  runtime_.graveyard.bury(std::move(pair_));
  over(Ending::answered, {}, limit);
}

void AppRequest::on_sent(std::size_t n) { answer_left(n); }

// `n` bytes of the answer were sent to the visitor.
void AppRequest::answer_left(std::size_t n) {
  if (n == 0 || !upstream_) return;
  answer_held_ -= n;
  upstream_->credit(n);
  if (state_ != State::answering) return;
  if (std::exchange(reader_stands_, false)) upstream_.note_reader(*this, false);
  settle_reader();
}

void AppRequest::settle_reader() {
  await_app();
  if (answer_held_ == 0 || std::exchange(reader_stands_, true)) return;
  upstream_.note_reader(*this, true);
}

void AppRequest::on_evicted() {
  withdraw();
  upstream_.drop(ErrorKind::cancelled);
  over(Ending::stands, {ErrorKind::limit, "the visitor takes nothing, and others wait for the pipe", Origin::visitor},
       http::Limit::reader_stands);
}

void AppRequest::finish(bool clean) {
  // "If the app answers before the body's end, that upstream is closed": what is left of the body
  // would be read as the next request.
  const bool keep = clean && keep_upstream_ && request_sent_ && upstream_->queued() == 0;
  withdraw();
  if (keep) {
    // Bytes that the visitor has not read stay in its own queue, and delay its next request there.
    upstream_->credit(answer_held_);
    Upstream::give_back(std::move(upstream_), upstream_keeps_);
  } else {
    upstream_.drop(ErrorKind::cancelled);
  }
  if (body_unsent_ != 0) stream_->credit(body_unsent_);
  std::exchange(stream_, nullptr)->end(answer_body_.trailers());
  over(Ending::answered, {}, http::Limit::none);
}

// ---- A pipe that ends, and one more try -----------------------------------------------

void AppRequest::on_app_end() {
  if (state_ == State::answering && answer_body_.end_of_input()) {
    keep_upstream_ = false;
    return finish(true);
  }
  // A stock classic client cannot report it, and a new pipe cannot have met its app's idle close.
  const bool may_tell = state_ == State::awaiting && !answer_began_ && !safe_ && upstream_.reused() &&
                        upstream_.tells_unbegun() && may_ask_again({ErrorKind::unbegun, {}});
  if (!may_tell) return upstream_lost({});
  state_ = State::ended;
  runtime_.timers.arm_in(*this, rules::verdict_time);
}

bool AppRequest::may_ask_again(const Error& why) const {
  if ((state_ != State::awaiting && state_ != State::ended) || answer_began_ || retried_) return false;
  if (why.kind == ErrorKind::unbegun) return !body_lost_;
  return safe_ && (upstream_.reused() || upstream_.agent_gone() || why.origin == Origin::link);
}

void AppRequest::ask_again() {
  retried_ = true;
  withdraw();
  upstream_.drop(ErrorKind::cancelled);
  runtime_.timers.disarm(*this);
  state_ = State::opening;
  const std::shared_ptr<Tunnel> tunnel = tunnel_;  // the call may end the request
  tunnel->open(*this);
}

void AppRequest::upstream_lost(const Error& reported) {
  const Error why = upstream_.lost(reported);
  if (may_ask_again(why)) return ask_again();
  if (why.origin == Origin::peer || why.origin == Origin::link) return fail(why);
  // An interim answer or a partial head does not prevent a failure page.
  if (upstream_.agent_gone() && state_ != State::answering) {
    return fail({ErrorKind::closed, "the agent's link was lost", Origin::link});
  }
  const std::string who = who_answers();
  if (state_ == State::answering || answer_began_) {
    const bool http =
        state_ == State::answering || interims_ != 0 || http1::begins_as_answer(to_bytes(reader_.received()));
    if (!http) return fail_bad_head();
    return fail({ErrorKind::closed, who + " cut its answer short", Origin::app});
  }
  if (why.kind == ErrorKind::unbegun) return fail({ErrorKind::closed, why.detail, Origin::agent});
  if (why.kind == ErrorKind::limit) return fail({why.kind, why.detail, Origin::agent});
  // To a visitor, a reset and an end without a reason are the same: the app failed.
  const bool said_why = why.kind == ErrorKind::refused || why.kind == ErrorKind::timeout ||
                        why.kind == ErrorKind::dns || why.kind == ErrorKind::tls;
  fail(said_why ? Error{why.kind, why.detail, Origin::app}
                : Error{ErrorKind::closed, who + " closed the connection without an answer", Origin::app});
}

void AppRequest::end_by_operator() {
  if (state_ == State::upgraded) return pair_->end();
  fail({ErrorKind::closed, "the operator has ended the tunnel", Origin::agent});
}

void AppRequest::fail(const Error& why, http::Limit limit) {
  withdraw();
  upstream_.drop(ErrorKind::cancelled);
  if (body_unsent_ != 0) stream_->credit(std::exchange(body_unsent_, 0));
  over(Ending::failed, why, limit);
}

// Every request ends here.
void AppRequest::over(Ending ending, const Error& why, http::Limit limit) {
  runtime_.timers.disarm(*this);
  state_ = State::idle;
  tunnel_->note_request(record_->body_in, record_->body_out);
  if (stream_ != nullptr) std::exchange(stream_, nullptr)->set_handler(nullptr);
  tunnel_ = nullptr;
  reader_.clear();
  head_buffers_.put(std::exchange(head_, {}));
  kept_body_.clear();
  kept_end_.clear();
  body_lost_ = false;
  request_sent_ = false;
  continue_awaited_ = false;
  retried_ = false;
  answer_began_ = false;
  interims_ = 0;
  head_bytes_ = 0;
  body_unsent_ = 0;
  answer_held_ = 0;
  reader_stands_ = false;
  owner_.on_app_request_over(ending, why, limit);
}

}  // namespace tenfold::broker
