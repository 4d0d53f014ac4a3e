#include "broker/tunnels/memory_registry.h"

#include <utility>

#include "broker/rules.h"

namespace tenfold::broker {

std::optional<NameTable::Found> MemoryRegistry::find_at_once(std::string_view name) {
  NameTable::Found found = names_.find(name);
  if (found.state == NameTable::State::unknown && runtime_.now() < expects_until_) return {};
  return found;
}

void MemoryRegistry::on_claim(ClaimCall&) {
  if (!claims_.empty() && !answer_.armed()) runtime_.timers.arm(answer_, runtime_.now());
  if (!lookups_.empty() && !give_up_waiting_.armed()) runtime_.timers.arm_in(give_up_waiting_, rules::takeover_wait);
}

void MemoryRegistry::attach(const Claim& claim, std::shared_ptr<Tunnel> tunnel,
                            std::shared_ptr<const VisitorPolicy> policy) {
  names_.attach(claim, tunnel, std::move(policy));
  if (!lookups_.empty() && !answer_.armed()) runtime_.timers.arm(answer_, runtime_.now());
}

void MemoryRegistry::answer() {
  while (ClaimCall* call = claims_.pop_front()) {
    if (const Result<Claim> claim = names_.claim(call->request())) {
      call->on_claimed(*claim);
    } else {
      call->on_claim_failed(handshake::Refusal::name_taken);
    }
  }
  answer_lookups(false);
}

void MemoryRegistry::answer_lookups(bool unknown_too) {
  IntrusiveList<Lookup> waiting;  // an answer may withdraw others, and ask again
  while (Lookup* lookup = lookups_.pop_front()) waiting.push_back(*lookup);
  while (Lookup* lookup = waiting.pop_front()) {
    NameTable::Found found = names_.find(lookup->name());
    if (found.state == NameTable::State::unknown && !unknown_too) {
      lookups_.push_back(*lookup);
    } else {
      lookup->on_found(std::move(found));
    }
  }
  if (lookups_.empty()) runtime_.timers.disarm(give_up_waiting_);
}

}  // namespace tenfold::broker
