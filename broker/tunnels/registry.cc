#include "broker/tunnels/registry.h"

#include <algorithm>

#include "broker/rules.h"

namespace tenfold::broker {

Registry::ClaimCall* Registry::take_claim(std::uint64_t ticket) {
  const auto found = claims_.find_if([&](const ClaimCall& call) { return call.ticket_ == ticket; });
  if (found != nullptr) found->unlist();
  return found;
}

void Registry::take_lookups(std::string_view name, IntrusiveList<Lookup>& due) {
  while (Lookup* lookup = lookups_.find_if([&](const Lookup& each) { return each.name_ == name; })) {
    due.push_back(*lookup);
  }
}

void Registry::watch_deadlines() {
  TimePoint first = never;
  if (const Lookup* lookup = lookups_.front()) first = lookup->asked_;
  if (const ClaimCall* call = claims_.front()) first = std::min(first, call->asked_);
  if (first != never) runtime_.timers.arm(deadline_, first + rules::registry_time);
}

void Registry::on_deadline() {
  const TimePoint overdue = runtime_.now() - rules::registry_time;
  while (!lookups_.empty() && lookups_.front()->asked_ <= overdue) lookups_.pop_front()->on_registry_away();
  while (!claims_.empty() && claims_.front()->asked_ <= overdue)
    claims_.pop_front()->on_claim_failed(handshake::Refusal::registry_away);
  watch_deadlines();
}

}  // namespace tenfold::broker
