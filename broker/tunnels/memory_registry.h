// MemoryRegistry: the registry of a broker that stands alone: its own table. A lookup is answered at once, a claim
// within the turn.
//
// A broker that takes over from another one knows no name at first, though agents are on their way to it: until
// `expects_until` the lookup of an unknown name waits for its tunnel, for rules::takeover_wait at most.
#pragma once

#include "base/runtime.h"
#include "broker/tunnels/registry.h"

namespace tenfold::broker {

class MemoryRegistry final : public Registry {
 public:
  MemoryRegistry(Runtime& runtime, NameTable& names, TimePoint expects_until = {})
      : Registry(runtime), names_(names), expects_until_(expects_until) {}

  void attach(const Claim& claim, std::shared_ptr<Tunnel> tunnel, std::shared_ptr<const VisitorPolicy> policy) override;
  void hold(const Claim& claim) override { names_.hold(claim); }
  void release(const Claim& claim) override { names_.release(claim); }
  void give_up(const Claim& claim) override { names_.give_up(claim); }
  std::size_t size() const override { return names_.size(); }

 private:
  std::optional<NameTable::Found> find_at_once(std::string_view name) override;
  void on_lookup(Lookup&) override {}  // all is known at once
  void on_claim(ClaimCall&) override;
  void answer();
  void answer_all() { answer_lookups(true); }
  void answer_lookups(bool unknown_too);

  NameTable& names_;
  const TimePoint expects_until_;
  MemberTimer<MemoryRegistry, &MemoryRegistry::answer> answer_{*this};
  MemberTimer<MemoryRegistry, &MemoryRegistry::answer_all> give_up_waiting_{*this};  // armed while lookups wait
};

}  // namespace tenfold::broker
