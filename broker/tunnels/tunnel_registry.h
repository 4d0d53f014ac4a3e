// TunnelRegistry: which name is whose, and the tunnel behind it now.
//
//   auto claim = registry.claim("myapp", proof, owner);   // or "" for any name
//   registry.attach(*claim, tunnel);
//   registry.hold(*claim);        // the agent is gone: kept for its owner for a while
//   registry.release(*claim);     // or free at once
//   registry.give_up(*claim);     // in place of attach(): what was before stands again
//
// An entry carries a generation: a later claim of the name gets the next one, and a former
// holder's hold() or release() then changes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/runtime.h"
#include "broker/tunnels/name_index.h"
#include "broker/tunnels/tunnel.h"

namespace tenfold::broker {

struct Claim {
  std::string name;
  std::uint64_t generation = 0;
};

class TunnelRegistry {
 public:
  explicit TunnelRegistry(Runtime& runtime) : runtime_(runtime) {}

  // Claims `name`, or a random one when it is empty. A name that is somebody's goes to who shows the `proof` that it
  // was claimed with (a resume token), even while its tunnel seems to live; and, when no agent stands behind it, to the
  // same `owner` (where a request comes from, and with whose token): an agent that was restarted knows no proof. Empty
  // ones prove nothing. Otherwise: refused.
  Result<Claim> claim(std::string_view name, std::string_view proof, std::string_view owner = {});

  // Whether `proof` is the one that `name` was claimed with.
  bool proves(std::string_view name, std::string_view proof) const;

  // No tunnel comes of the claim.
  void give_up(const Claim& claim);

  // The tunnel that had the name until now hands over to it.
  void attach(const Claim& claim, std::shared_ptr<Tunnel> tunnel);

  // The tunnel is gone; for limits::name_held the name waits for its owner.
  void hold(const Claim& claim);

  // The name is free.
  void release(const Claim& claim);

  enum class State { unknown, away, here };
  struct Found {
    State state = State::unknown;
    std::shared_ptr<Tunnel> tunnel;  // when here
  };
  Found find(std::string_view name) const;

  // Tunnels that are here now.
  std::size_t size() const { return here_; }

 private:
  struct Holder {
    std::uint64_t generation = 0;
    std::string proof;
    std::string owner;
  };
  struct Entry final : Timer {
    Entry(TunnelRegistry& r, std::string_view n) : registry(r), name(n) {}
    void on_timer() override;

    TunnelRegistry& registry;
    const std::string name;
    std::shared_ptr<Tunnel> tunnel;  // null while it is away
    Holder holder;
    std::optional<Holder> former;  // until the claim that took over from it is attached
  };

  static bool is_proof(const Entry& entry, std::string_view proof);
  static bool may_have(const Entry& entry, std::string_view proof, std::string_view owner);
  // The entry if `claim` is still the one that holds it.
  Entry* current(const Claim& claim);
  void set_tunnel(Entry& entry, std::shared_ptr<Tunnel> tunnel);

  Runtime& runtime_;
  NameIndex<Entry> entries_;
  std::size_t here_ = 0;
  std::uint64_t next_generation_ = 1;
};

}  // namespace tenfold::broker
