#include "agent/handshake_call.h"

#include <utility>

#include "base/limits.h"

namespace tenfold {

using handshake::Next;

HandshakeCall::HandshakeCall(Runtime& runtime, Network& network, const DialTo& to, const HandshakeRequest& request,
                             bool require, Owner& owner)
    : runtime_(runtime),
      owner_(owner),
      request_(write_handshake(request)),
      upgrade_(request.upgrade),
      require_(require) {
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
  if (upgrade_) runtime_.timers.arm_in(silence_, limits::upgrade_answer_time);
}

void HandshakeCall::on_data(Bytes bytes) {
  if (done_) return;
  runtime_.timers.disarm(silence_);
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
  // A certificate that does not verify is no answer of the broker's, nor is silence.
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

// docs/CLASSIC.md, "upgrade-own-domain": a stock server may leave an Upgrade open without an answer. So may one that
// hangs: nothing but a link means to wait for it.
void HandshakeCall::on_silence() {
  outcome_.why = {ErrorKind::timeout, "it leaves the upgrade unanswered"};
  outcome_.next = require_ ? Next::broken : Next::ask_classic;
  finish();
}

void HandshakeCall::look(Bytes early) {
  if (reader_.failed()) {
    outcome_.why = reader_.error();
    return finish();
  }
  if (!reader_.done()) return;
  outcome_.answer = reader_.take();
  outcome_.next =
      upgrade_ ? handshake::read_answer(outcome_.answer.answer, require_) : read_classic_answer(outcome_.answer);
  if (outcome_.next == Next::link) {
    outcome_.early.assign(early.begin(), early.end());
    pipe_->set_handler(nullptr);
    outcome_.pipe = std::move(pipe_);
  } else if (outcome_.next == Next::broken) {
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
  owner_.on_handshake_done(*this, std::move(outcome_));
}

}  // namespace tenfold
