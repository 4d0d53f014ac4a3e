#include "broker/tunnels/claiming.h"

#include <utility>

namespace tenfold::broker {

void Claiming::start(ClaimRequest request, bool shown) {
  wanted_ = std::move(request);
  if (!shown || wanted_.name.empty()) return admit(false);
  Registry::Lookup& lookup = *this;
  if (const auto found = registry_.find(wanted_.name, lookup, wanted_.proof)) admit(found->proven);
}

void Claiming::admit(bool resumed) {
  const handshake::Refusal refusal = owner_.may_claim(*this, resumed, wanted_.owner);
  if (refusal != handshake::Refusal::none) return fail(refusal);
  Registry::ClaimCall& call = *this;
  registry_.claim(wanted_, call);
}

void Claiming::start_over_without_name() {
  wanted_.name.clear();
  Registry::ClaimCall& call = *this;
  registry_.claim(wanted_, call);
}

}  // namespace tenfold::broker
