#include "agent/forward/app_pipe.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "agent/forward/own_answer.h"
#include "agent/rules.h"
#include "base/limits.h"
#include "http1/answer_guess.h"

namespace tenfold {

using Turn = HttpPass::Turn;

namespace {

// An answer after which HTTP ends.
bool is_switch(Bytes beginning) {
  const std::string_view text = to_text(beginning);
  return text.size() >= 12 && text.starts_with("HTTP/1.") && text.substr(8, 4) == " 101";
}

}  // namespace

AppPipe::AppPipe(Forwarding& forwarding, HttpPass* pass, std::unique_ptr<Duplex> connection)
    : forwarding_(forwarding),
      runtime_(forwarding.runtime),
      pass_(pass),
      redials_(false),
      state_(State::open),
      connection_(std::move(connection)),
      held_(runtime_.blocks) {}

AppPipe::AppPipe(Forwarding& forwarding, HttpPass& pass)
    : forwarding_(forwarding),
      runtime_(forwarding.runtime),
      pass_(&pass),
      redials_(true),
      state_(State::away),
      held_(runtime_.blocks) {}

AppPipe::~AppPipe() = default;

// ---- From the splice -------------------------------------------------------------

void AppPipe::set_handler(Duplex::Handler* handler) {
  handler_ = handler;
  if (connection_ != nullptr) connection_->set_handler(handler == nullptr ? nullptr : this);
  if (handler != nullptr && (holding_ || ended_ || leaving_)) runtime_.timers.arm_in(later_, 0s);
}

std::size_t AppPipe::write(Bytes bytes) {
  switch (state_) {
    case State::away:
      held_.append(bytes);
      dial();
      return 0;
    case State::dialling: held_.append(bytes); return 0;
    case State::open: {
      if (std::exchange(idle_, false)) {
        holding_ = true;
        runtime_.timers.arm_in(later_, 0s);
      }
      if (holding_) {
        held_.append(bytes);
        return 0;
      }
      const std::size_t gone = pass_on(bytes);
      settle_clock();
      return gone;
    }
    case State::answered:
      runtime_.timers.arm(linger_, std::min(runtime_.now() + limits::linger_time, answered_at_ + limits::linger_most));
      return bytes.size();
    case State::over: return bytes.size();
  }
  return bytes.size();
}

std::size_t AppPipe::queued() const { return held_.size() + (connection_ == nullptr ? 0 : connection_->queued()); }

void AppPipe::end() {
  if (std::exchange(ended_, true)) return;
  note_visitor_gone();
  if (state_ == State::open && !holding_ && !(idle_ && redials_)) return connection_->end();
  runtime_.timers.arm_in(later_, 0s);
}

void AppPipe::reset(ErrorKind why) {
  if (state_ == State::over) return;
  note_visitor_gone();
  be_over();
  if (connection_ != nullptr) connection_->reset(why);
}

void AppPipe::be_over() {
  state_ = State::over;
  held_.clear();
  runtime_.timers.disarm(later_);
  runtime_.timers.disarm(clock_);
  runtime_.timers.disarm(linger_);
  dialing_.reset();
  handler_ = nullptr;
}

void AppPipe::close(const Error& why) {
  Duplex::Handler* const handler = handler_;
  be_over();
  handler->on_closed(why);
}

void AppPipe::credit(std::size_t n) {
  const std::size_t former = std::min(n, owed_);
  owed_ -= former;
  n -= former;
  if (n == 0 || state_ != State::open) return;
  assert(n <= uncredited_);
  uncredited_ -= n;
  connection_->credit(n);
}

void AppPipe::leave() {
  leaving_ = true;
  runtime_.timers.arm_in(later_, 0s);
}

// ---- To the app ------------------------------------------------------------------

void AppPipe::dial() {
  state_ = State::dialling;
  dialing_ = forwarding_.target.open([this](Result<std::unique_ptr<Duplex>> local) { on_open(std::move(local)); });
}

void AppPipe::on_open(Result<std::unique_ptr<Duplex>> local) {
  runtime_.graveyard.bury(std::move(dialing_));
  if (!local) return answer(dial_failure(local.error()));
  state_ = State::open;
  spoke_ = no_http_ = false;
  connection_ = *std::move(local);
  connection_->set_handler(this);
  pass_on_held();
}

// Returns what Duplex::write() returns.
std::size_t AppPipe::pass_on(Bytes bytes) {
  if (pass_ == nullptr && !raw_) {
    if (!answer_.empty()) {
      question_.clear();
      answer_.clear();
    }
    question_.add(bytes);
  }
  unanswered_ = true;
  last_sent_ = runtime_.now();
  const std::size_t gone = connection_->write(bytes);
  unsent_ += bytes.size() - gone;
  return gone;
}

void AppPipe::pass_on_held() {
  holding_ = false;
  std::size_t gone = 0;
  while (!held_.empty()) {
    const Bytes front = held_.front();
    gone += pass_on(front);
    held_.consume(front.size());
  }
  if (ended_) connection_->end();
  settle_clock();
  if (gone != 0) handler_->on_sent(gone);
}

void AppPipe::on_sent(std::size_t n) {
  assert(n <= unsent_);
  unsent_ -= n;
  last_sent_ = runtime_.now();
  settle_clock();
  handler_->on_sent(n);
}

// ---- From the app ----------------------------------------------------------------

void AppPipe::on_data(Bytes bytes) {
  if (idle_ || holding_) return on_stale();
  if (!raw_) look_at_beginning(bytes);
  unanswered_ = false;
  spoke_ = true;
  const std::size_t taken = pass_ == nullptr ? bytes.size() : pass_->on_answer(bytes);
  uncredited_ += taken;
  if (taken != bytes.size()) connection_->credit(bytes.size() - taken);
  if (taken != 0) handler_->on_data(bytes.first(taken));
  if (pass_ != nullptr && state_ == State::open) after_answer(taken != bytes.size());
}

// Reports bytes that are not HTTP, where an answer is due or from an app that speaks first, so that the user can fix
// it.
void AppPipe::look_at_beginning(Bytes bytes) {
  if (pass_ == nullptr) answer_.add(bytes);
  if (!unanswered_ && spoke_) return;
  if (http1::begins_as_answer(bytes)) {
    if (pass_ == nullptr && is_switch(bytes)) {
      raw_ = true;
      question_.clear();
      answer_.clear();
    }
    return;
  }
  const bool due = unanswered_ && (pass_ == nullptr ? question_.is_request() : pass_->turn() == Turn::request);
  const std::string_view guess = http1::guess_of(bytes);
  no_http_ = due || (!spoke_ && !guess.empty());
  if (no_http_) forwarding_.status.app_not_http(http1::escaped(bytes), guess);
}

// The app ended its connection, possibly within an answer.
void AppPipe::note_cut(const Error& why) {
  if (no_http_) return;
  std::optional<HttpPass::Asked> asked;
  std::uint64_t bytes = 0;
  if (pass_ == nullptr) {
    if (answer_.empty()) return;
    asked = question_.asked();
    if (!asked || !answer_.is_cut(asked->method == "HEAD", static_cast<bool>(why))) return;
    bytes = answer_.size();
  } else {
    const Turn turn = pass_->turn();
    if (turn != Turn::answer && !(turn == Turn::until_close && why)) return;
    if (pass_->asked() != nullptr) asked = *pass_->asked();
    bytes = pass_->answer_bytes();
  }
  if (asked) forwarding_.status.app_cut(asked->method, asked->target.substr(0, rules::printed_target), bytes, why);
}

// `left_over`: the app sent more than its answer.
void AppPipe::after_answer(bool left_over) {
  settle_clock();
  const Turn turn = pass_->turn();
  if (leaving_ && (turn == Turn::between || turn == Turn::over)) runtime_.timers.arm_in(later_, 0s);
  if (turn != Turn::between) return;
  idle_ = true;
  if (left_over || forwarding_.no_keep_alive) return on_stale();
  if (ended_) runtime_.timers.arm_in(later_, 0s);
}

void AppPipe::on_end() {
  if (redials_ && (idle_ || holding_)) return on_stale();
  app_ended_ = true;
  const bool owes = owes_answer();
  note_cut({});
  if (pass_ != nullptr) pass_->on_app_end();
  handler_->on_end();
  // The broker has sent a request to an app that seemed idle, and waits to hear whether it was begun.
  if (owes && !redials_ && handler_ != nullptr)
    close({ErrorKind::closed, "the app closed its connection without an answer"});
}

// Whether the app was sent a part of a request, and has sent nothing since.
bool AppPipe::owes_answer() const {
  if (!unanswered_) return false;
  return pass_ == nullptr ? question_.is_request() : pass_->turn() == Turn::request;
}

void AppPipe::on_closed(const Error& why) {
  if ((idle_ || holding_) && (redials_ || why)) return on_stale();
  if (why && !app_ended_) note_cut(why);
  close(why);
}

// The connection's bytes or end do not answer a request, since none was written after the last answer: it cannot carry
// another one.
void AppPipe::on_stale() {
  const bool asked = std::exchange(holding_, false);
  const bool end_told = app_ended_;
  drop_connection();
  if (handler_ == nullptr) return;
  if (!redials_) {
    if (asked) return close({ErrorKind::unbegun, "the app had closed its connection before"});
    finish_here();
    if (!end_told) handler_->on_end();
    return;
  }
  state_ = State::away;
  if (asked) return dial();
  if (ended_ || leaving_) runtime_.timers.arm_in(later_, 0s);
}

// Unsent bytes count as sent, since their on_sent() will not come.
void AppPipe::drop_connection() {
  idle_ = app_ended_ = unanswered_ = false;
  owed_ += std::exchange(uncredited_, 0);
  const std::size_t lost = std::exchange(unsent_, 0);
  connection_->reset(ErrorKind::cancelled);
  runtime_.graveyard.bury(std::move(connection_));
  if (lost != 0) handler_->on_sent(lost);
}

// ---- In the app's place ------------------------------------------------------------

// The agent's own answer to the oldest request; the last answer of the pipe.
void AppPipe::answer(const Error& why) {
  runtime_.timers.disarm(clock_);
  const HttpPass::Asked* const asked = pass_->asked();
  std::uint8_t begin[5] = {};
  if (asked == nullptr) held_.peek(begin);  // an incomplete head
  const bool to_head = asked == nullptr ? to_text(begin) == "HEAD " : asked->method == "HEAD";
  const std::string text =
      own_answer(why, asked == nullptr ? std::string_view() : asked->accept, forwarding_.date.now(), !to_head);
  if (connection_ != nullptr) drop_connection();
  const std::size_t held = held_.size();
  held_.clear();
  if (held != 0 && handler_ != nullptr) handler_->on_sent(held);
  if (handler_ == nullptr) return;
  pass_->on_answer(to_bytes(text));
  owed_ += text.size();
  finish_here();
  handler_->on_data(to_bytes(text));
  if (handler_ != nullptr) handler_->on_end();
}

// Nothing more is sent from here. Input from the visitor is still discarded for a while: closing a socket with unread
// bytes may destroy the answer (RFC 9112, 9.6).
void AppPipe::finish_here() {
  state_ = State::answered;
  answered_at_ = runtime_.now();
  runtime_.timers.arm_in(linger_, limits::linger_time);
  if (ended_) runtime_.timers.arm_in(later_, 0s);
}

void AppPipe::on_linger_over() { close({ErrorKind::cancelled, "answered in the app's place"}); }

// Reports what could not be reported, or was put off, inside a call.
void AppPipe::on_turn_end() {
  if (handler_ == nullptr) return;
  if (holding_) return pass_on_held();
  if (may_finish()) {
    if (connection_ != nullptr) drop_connection();
    if (handler_ == nullptr) return;
    finish_here();
    handler_->on_end();
  }
  if (state_ == State::answered && ended_) close({});
}

// Whether the visitor's side will get no other answer.
bool AppPipe::may_finish() const {
  if (state_ != State::away && state_ != State::open) return false;
  const bool at_rest = state_ == State::away || idle_;
  if (ended_ && redials_ && at_rest) return true;
  return leaving_ && (pass_->turn() == Turn::between || pass_->turn() == Turn::over);
}

// ---- How long the app takes ----------------------------------------------------------

// The clock runs while the app is the slow side: it has the whole request, or does not read what is there of it.
void AppPipe::settle_clock() {
  if (forwarding_.first_byte == Duration::zero()) return;
  const bool takes_nothing = unsent_ != 0 && pass_->turn() == Turn::request;
  if (state_ == State::open && !app_ended_ && (takes_nothing || pass_->awaits_app())) {
    runtime_.timers.arm_in(clock_, forwarding_.first_byte);
  } else {
    runtime_.timers.disarm(clock_);
  }
}

void AppPipe::on_too_slow() {
  const HttpPass::Asked* const asked = pass_->asked();
  const HttpPass::Asked what = asked == nullptr ? HttpPass::Asked{} : *asked;
  forwarding_.status.app_slow(what.method, what.target.substr(0, rules::printed_target), forwarding_.first_byte, true);
  answer({ErrorKind::silent, "the app", Origin::app});
}

// The visitor's side has ended. After a long wait this is attributed to the app.
void AppPipe::note_visitor_gone() {
  const Duration waited = runtime_.now() - last_sent_;
  if (state_ != State::open || app_ended_ || !unanswered_ || waited < rules::slow_app) return;
  std::optional<HttpPass::Asked> asked;
  if (pass_ == nullptr) {
    asked = question_.whole();
  } else if (pass_->awaits_app()) {
    asked = *pass_->asked();
  }
  unanswered_ = false;
  if (asked) forwarding_.status.app_slow(asked->method, asked->target.substr(0, rules::printed_target), waited, false);
}

}  // namespace tenfold
