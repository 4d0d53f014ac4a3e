#include "broker/tunnels/claiming.h"

#include <utility>

#include "base/limits.h"

namespace tenfold::broker {

void Claiming::start(ClaimRequest request, bool shown) {
  wanted_ = std::move(request);
  runtime_.timers.arm_in(*this, limits::registry_time);
  if (!shown || wanted_.name.empty()) return admit(false);
  Registry::Lookup& lookup = *this;
  registry_.find(wanted_.name, lookup, wanted_.proof);
}

void Claiming::admit(bool resumed) {
  const handshake::Refusal refusal = owner_.may_claim(*this, resumed, wanted_.owner);
  if (refusal != handshake::Refusal::none) return fail(refusal);
  Registry::ClaimCall& call = *this;
  registry_.claim(wanted_, call);
}

void Claiming::start_over_without_name() {
  wanted_.name.clear();
  runtime_.timers.arm_in(*this, limits::registry_time);
  Registry::ClaimCall& call = *this;
  registry_.claim(wanted_, call);
}

void Claiming::on_claimed(const Claim& claim) {
  runtime_.timers.disarm(*this);
  owner_.on_claimed(*this, claim);
}

void Claiming::fail(handshake::Refusal why) {
  runtime_.timers.disarm(*this);
  Lookup::cancel();
  ClaimCall::cancel();
  owner_.on_claim_failed(*this, why);
}

}  // namespace tenfold::broker
