// MemoryRegistry: the registry of a broker that stands alone: its own table, which answers within the turn.
#pragma once

#include "base/runtime.h"
#include "broker/tunnels/registry.h"

namespace tenfold::broker {

class MemoryRegistry final : public Registry {
 public:
  MemoryRegistry(Runtime& runtime, NameTable& names) : Registry(runtime), names_(names) {}

  void attach(const Claim& claim, std::shared_ptr<Tunnel> tunnel) override { names_.attach(claim, std::move(tunnel)); }
  void hold(const Claim& claim) override { names_.hold(claim); }
  void release(const Claim& claim) override { names_.release(claim); }
  void give_up(const Claim& claim) override { names_.give_up(claim); }
  std::size_t size() const override { return names_.size(); }

 private:
  void on_asked() override;
  void answer();

  NameTable& names_;
  MemberTimer<MemoryRegistry, &MemoryRegistry::answer> answer_{*this};
};

}  // namespace tenfold::broker
