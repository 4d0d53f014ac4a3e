// Claiming: how a tunnel gets its name: is it the agent's own by proof, may the agent have it, then the claim. Each
// step may take until a registry elsewhere answers, rules::registry_time in all.
//
//   claiming.start({"myapp", token, ""}, token_was_shown);
//   may_claim(…)                  // from inside start(), or later
//   on_claimed(…) or on_claim_failed(…)
//
// Owned by who wants the name; destroying it withdraws.
#pragma once

#include "broker/rules.h"
#include "broker/tunnels/registry.h"
#include "mux/handshake.h"

namespace tenfold::broker {

class Claiming final : private Registry::Lookup, private Registry::ClaimCall {
 public:
  class Owner {
   public:
    // Whether the tunnel may be had, and by which owner; none: it may. `resumed`: the name's own proof was shown, so
    // the tunnel is counted already.
    virtual handshake::Refusal may_claim(Claiming& claiming, bool resumed, std::string& owner) = 0;
    // The last event is one of these. Bury the claiming.
    virtual void on_claimed(Claiming& claiming, const Claim& claim) = 0;
    virtual void on_claim_failed(Claiming& claiming, handshake::Refusal why) = 0;

   protected:
    ~Owner() = default;
  };

  // Both outlive it.
  Claiming(Registry& registry, Owner& owner) : registry_(registry), owner_(owner) {}

  // `shown`: the proof came from the agent, and was not made here.
  void start(ClaimRequest request, bool shown);
  // The same for any other name, without another question.
  void start_over_without_name();

 private:
  void on_found(NameTable::Found found) override { admit(found.proven); }
  void on_claimed(const Claim& claim) override { owner_.on_claimed(*this, claim); }
  void on_claim_refused() override { fail(handshake::Refusal::name_taken); }
  void on_registry_away() override { fail(handshake::Refusal::registry_away); }
  void admit(bool resumed);
  void fail(handshake::Refusal why) { owner_.on_claim_failed(*this, why); }

  Registry& registry_;
  Owner& owner_;
  ClaimRequest wanted_;
};

}  // namespace tenfold::broker
