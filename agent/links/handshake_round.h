// HandshakeRound: one try to get a tunnel, of one request or two.
//
// The first asks for a link. When it brings nothing that a broker says (silence, a cut connection, a proxy's page), a
// second one asks on a connection of its own without Upgrade, with the offer alone: a classic server answers that with
// its grant, and a server of tenfold/1 says that it is one. The first connection stays open meanwhile, for its answer
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
  link_or_classic,  // a link, and who is there when that fails
  link,             // a link, in one request: the second one would make a tunnel at a classic server
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

  // `to.deadline` is for each request; `request.question` and `to.purpose` are the round's to fill in.
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
  std::unique_ptr<HandshakeCall> first_;         // null: over
  std::unique_ptr<HandshakeCall> second_;        // null: over, or not asked yet
  std::optional<HandshakeOutcome> first_over_;   // how, while the second one's answer is waited for
  std::optional<HandshakeOutcome> second_over_;  // how, while the first one's answer is waited for
  MemberTimer<HandshakeRound, &HandshakeRound::ask_second> second_at_{*this};
  MemberTimer<HandshakeRound, &HandshakeRound::give_up_first> first_until_{*this};
};

}  // namespace tenfold
