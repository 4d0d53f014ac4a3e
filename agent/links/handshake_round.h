// HandshakeRound: one attempt to get a tunnel, with one or two requests.
//
// The first request asks for a link. If it yields no answer of a broker (silence, a cut connection, a proxy's page), a
// second request is sent on another connection without Upgrade, with the offer only: a classic server answers it with
// its grant, and a server of tenfold/1 identifies itself. The first connection stays open meanwhile, since its answer
// may only be late.
//
//   round_ = std::make_unique<HandshakeRound>(runtime, network, to, request, Asks::link_or_classic, owner);
//   on_round_done(*round_, outcome) -> bury it
//
//   first: link, classic, upgrade_lost, refused, retry   ends the round
//          ask_offer                                     waits for the second one's answer
//          broken                                        ends it, unless the second one is under way
//   second: classic                                      ends it, unless the first's answer has begun
//           upgrade_lost                                 ends it, if the first stays silent for much longer
//           anything else                                counts once the first is over
#pragma once

#include <memory>
#include <optional>

#include "agent/links/handshake_call.h"

namespace tenfold {

// What a round asks for.
enum class Asks {
  classic,          // the classic pool, in one request
  classic_offered,  // the same with the offer, which a server of tenfold/1 answers with 426
  link_or_classic,  // a link, and a second request if that fails
  link,             // a link, in one request: a second one would make a tunnel at a classic server
};

class HandshakeRound final : private HandshakeCall::Owner {
 public:
  class Owner {
   public:
    // The last event. Never `ask_offer`.
    virtual void on_round_done(HandshakeRound& round, HandshakeOutcome outcome) = 0;

   protected:
    ~Owner() = default;
  };

  // `to.deadline` is for each request; the round sets `request.question` and `to.purpose`.
  HandshakeRound(Runtime& runtime, Network& network, DialTo to, HandshakeRequest request, Asks asks, Owner& owner);

 private:
  void on_handshake_silent(HandshakeCall& call) override;
  void on_handshake_done(HandshakeCall& call, HandshakeOutcome outcome) override;
  void on_first_done(HandshakeOutcome outcome, TimePoint asked_at);
  void on_second_done(HandshakeOutcome outcome);
  void ask_second();
  void give_up_first();
  void finish_with_both();
  void finish(HandshakeOutcome outcome);

  Runtime& runtime_;
  Network& network_;
  DialTo to_;
  HandshakeRequest request_;
  const Asks asks_;
  Owner& owner_;
  bool done_ = false;
  std::unique_ptr<HandshakeCall> first_;         // null: finished
  std::unique_ptr<HandshakeCall> second_;        // null: finished, or not started
  std::optional<HandshakeOutcome> first_over_;   // its outcome, while the second call is pending
  std::optional<HandshakeOutcome> second_over_;  // its outcome, while the first call is pending
  MemberTimer<HandshakeRound, &HandshakeRound::ask_second> second_at_{*this};
  MemberTimer<HandshakeRound, &HandshakeRound::give_up_first> first_until_{*this};
};

}  // namespace tenfold
