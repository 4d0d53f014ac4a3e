// MemoryRegistry: the registry of a broker that stands alone: its own table. A lookup is answered at once, a claim
// within the turn.
#pragma once

#include "base/runtime.h"
#include "broker/tunnels/registry.h"

namespace tenfold::broker {

class MemoryRegistry final : public Registry {
 public:
  MemoryRegistry(Runtime& runtime, NameTable& names) : Registry(runtime), names_(names) {}

  void attach(const Claim& claim, std::shared_ptr<Tunnel> tunnel,
              std::shared_ptr<const VisitorPolicy> policy) override {
    names_.attach(claim, tunnel, std::move(policy));
  }
  void hold(const Claim& claim) override { names_.hold(claim); }
  void release(const Claim& claim) override { names_.release(claim); }
  void give_up(const Claim& claim) override { names_.give_up(claim); }
  std::size_t size() const override { return names_.size(); }

 private:
  std::optional<NameTable::Found> find_at_once(std::string_view name) override { return names_.find(name); }
  void on_asked() override;
  void answer();

  NameTable& names_;
  MemberTimer<MemoryRegistry, &MemoryRegistry::answer> answer_{*this};
};

}  // namespace tenfold::broker
