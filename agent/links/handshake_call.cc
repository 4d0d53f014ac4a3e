#include "agent/links/handshake_call.h"

#include <utility>

#include "agent/rules.h"

namespace tenfold {

using handshake::Next;

HandshakeCall::HandshakeCall(Runtime& runtime, Network& network, const DialTo& to, const HandshakeRequest& request,
                             Owner& owner)
    : runtime_(runtime), owner_(owner), request_(write_handshake(request)), question_(request.question) {
  runtime_.timers.arm_in(deadline_, to.deadline);
  dialing_ = network.dial(to, [this](Result<Dialed> dialed) { on_dialed(std::move(dialed)); });
}

void HandshakeCall::on_dialed(Result<Dialed> dialed) {
  runtime_.graveyard.bury(std::move(dialing_));
  if (done_) return;
  if (!dialed) {
    outcome_.why = dialed.error();
    return finish();
  }
  outcome_.peer_ip = std::move(dialed->peer_ip);
  pipe_ = std::move(dialed->pipe);
  pipe_->set_handler(this);
  pipe_->write(to_bytes(request_));
  asked_at_ = runtime_.now();
  runtime_.timers.arm_in(silence_, rules::second_question_after);
}

void HandshakeCall::on_data(Bytes bytes) {
  if (done_) return;
  answering_ = true;
  const std::size_t taken = reader_.feed(bytes);
  pipe_->credit(taken);
  look(bytes.subspan(taken));
}

void HandshakeCall::on_end() {
  if (done_) return;
  reader_.end_of_input();
  look({});
}

void HandshakeCall::on_closed(const Error& why) {
  if (done_) return;
  // A certificate that fails verification, or a timeout, is no answer of the broker.
  if (why.kind == ErrorKind::tls || why.kind == ErrorKind::timeout) {
    outcome_.why = why;
    return finish();
  }
  reader_.end_of_input();
  look({});
}

void HandshakeCall::on_deadline() {
  outcome_.why = {ErrorKind::timeout, "no answer to the handshake"};
  finish();
}

void HandshakeCall::on_silence() {
  if (!answering_) owner_.on_handshake_silent(*this);
}

void HandshakeCall::look(Bytes early) {
  if (reader_.failed()) {
    outcome_.why = reader_.error();
    return finish();
  }
  if (!reader_.done()) return;
  outcome_.answer = reader_.take();
  outcome_.next = read_answer(question_, outcome_.answer);
  if (outcome_.next == Next::link) {
    outcome_.early.assign(early.begin(), early.end());
    pipe_->set_handler(nullptr);
    outcome_.pipe = std::move(pipe_);
  } else if (outcome_.next == Next::broken || outcome_.next == Next::ask_offer) {
    const int status = outcome_.answer.answer.status;
    std::string what = status == 0 ? "closed without an answer" : "answered " + std::to_string(status);
    if (!outcome_.answer.json.message.empty()) what += ": " + printable(outcome_.answer.json.message, 200);
    if (!outcome_.answer.location.empty()) what += " to " + printable(outcome_.answer.location, 200);
    outcome_.why = {ErrorKind::protocol, "the broker " + what};
  }
  finish();
}

void HandshakeCall::finish() {
  if (std::exchange(done_, true)) return;
  runtime_.timers.disarm(deadline_);
  runtime_.timers.disarm(silence_);
  runtime_.graveyard.bury(std::move(dialing_));
  runtime_.graveyard.bury(std::move(pipe_));
  outcome_.unanswered = question_ == handshake::Question::upgrade && asked_at_ != never &&
                        (outcome_.next == Next::broken || outcome_.next == Next::ask_offer);
  owner_.on_handshake_done(*this, std::move(outcome_));
}

}  // namespace tenfold
