#include "agent/links/handshake_round.h"

#include <algorithm>
#include <utility>

#include "agent/rules.h"

namespace tenfold {

using handshake::Next;
using handshake::Question;

HandshakeRound::HandshakeRound(Runtime& runtime, Network& network, DialTo to, HandshakeRequest request, Asks asks,
                               Owner& owner)
    : runtime_(runtime),
      network_(network),
      to_(std::move(to)),
      request_(std::move(request)),
      asks_(asks),
      owner_(owner) {
  switch (asks) {
    case Asks::classic: request_.question = Question::classic; break;
    case Asks::classic_offered: request_.question = Question::offer; break;
    case Asks::link_or_classic:
    case Asks::link: request_.question = Question::upgrade; break;
  }
  to_.purpose = request_.question == Question::upgrade ? DialFor::link : DialFor::app;
  HandshakeCall::Owner& self = *this;
  first_ = std::make_unique<HandshakeCall>(runtime_, network_, to_, request_, self);
}

void HandshakeRound::ask_second() {
  request_.question = Question::offer;
  request_.resume_token.clear();
  to_.purpose = DialFor::app;
  HandshakeCall::Owner& self = *this;
  second_ = std::make_unique<HandshakeCall>(runtime_, network_, to_, request_, self);
}

void HandshakeRound::on_handshake_silent(HandshakeCall& call) {
  if (&call == first_.get() && asks_ == Asks::link_or_classic) ask_second();
}

void HandshakeRound::on_handshake_done(HandshakeCall& call, HandshakeOutcome outcome) {
  if (&call == first_.get()) {
    const TimePoint asked_at = first_->asked_at();
    runtime_.graveyard.bury(std::move(first_));
    on_first_done(std::move(outcome), asked_at);
  } else {
    runtime_.graveyard.bury(std::move(second_));
    on_second_done(std::move(outcome));
  }
}

void HandshakeRound::on_first_done(HandshakeOutcome outcome, TimePoint asked_at) {
  if (outcome.next == Next::classic && second_over_ && second_over_->next == Next::upgrade_lost) {
    // Two different servers share the address: one speaks tenfold/1.
    outcome.next = Next::upgrade_lost;
    outcome.why = {ErrorKind::protocol, "it is answered as by a classic server"};
  }
  const bool second_asked = second_ != nullptr || second_over_;
  const bool open = outcome.next == Next::ask_offer || (outcome.next == Next::broken && second_asked);
  if (!open) return finish(std::move(outcome));
  if (asks_ == Asks::link) {
    outcome.next = Next::broken;
    return finish(std::move(outcome));
  }
  first_over_ = std::move(outcome);
  if (second_over_) return finish_with_both();
  // Not now: what cut the first connection, a restart or a proxy without its broker, would cut this one too.
  if (!second_asked) {
    runtime_.timers.arm(second_at_, std::max(asked_at + rules::second_question_after, runtime_.now()));
  }
}

void HandshakeRound::on_second_done(HandshakeOutcome outcome) {
  const bool first_answers = first_ != nullptr && first_->answering();
  if (outcome.next == Next::classic && !first_answers) return finish(std::move(outcome));
  second_over_ = std::move(outcome);
  if (first_over_) return finish_with_both();
  // The broker answers: so the first connection is more likely dead than slow.
  if (second_over_->next == Next::upgrade_lost) {
    runtime_.timers.arm(first_until_, first_->asked_at() + rules::upgrade_answer_time);
  }
}

void HandshakeRound::give_up_first() {
  if (first_ == nullptr || first_->answering()) return;
  runtime_.graveyard.bury(std::move(first_));
  first_over_.emplace();
  first_over_->why = {ErrorKind::timeout, "no answer to the Upgrade"};
  first_over_->unanswered = true;
  finish_with_both();
}

// The second answer decides, since the first brought none; the first one's error is reported with it.
void HandshakeRound::finish_with_both() {
  HandshakeOutcome outcome = *std::exchange(second_over_, std::nullopt);
  const HandshakeOutcome first = *std::exchange(first_over_, std::nullopt);
  outcome.unanswered = first.unanswered;
  if (outcome.next == Next::broken || outcome.next == Next::upgrade_lost) {
    const std::string second = outcome.next == Next::broken ? "; without Upgrade: " + outcome.why.detail : "";
    outcome.why = {first.why.kind, first.why.detail + second};
  }
  finish(std::move(outcome));
}

void HandshakeRound::finish(HandshakeOutcome outcome) {
  if (std::exchange(done_, true)) return;
  runtime_.timers.disarm(second_at_);
  runtime_.timers.disarm(first_until_);
  runtime_.graveyard.bury(std::move(first_));
  runtime_.graveyard.bury(std::move(second_));
  owner_.on_round_done(*this, std::move(outcome));
}

}  // namespace tenfold
