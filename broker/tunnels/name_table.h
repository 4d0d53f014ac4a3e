// NameTable: which name is whose, and the tunnel behind it now.
//
//   auto claim = names.claim({"myapp", proof, owner});   // or "" for any name
//   names.attach(*claim, tunnel);
//   names.hold(*claim);        // the agent is gone: kept for its owner for a while
//   names.release(*claim);     // or free at once
//   names.give_up(*claim);     // in place of attach(): what was before stands again
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

// Who wants which name.
struct ClaimRequest {
  std::string name{};   // empty: a random one
  std::string proof{};  // a resume token; the claim is proven by it from then on
  std::string owner{};  // where the request comes from, and with whose token
};

class NameTable {
 public:
  explicit NameTable(Runtime& runtime) : runtime_(runtime) {}

  // A name that is taken goes to who shows the `proof` that it was claimed with, even while its tunnel seems to live;
  // and, when no agent stands behind it, to the same `owner`: an agent that was restarted knows no proof. Empty ones
  // prove nothing. Otherwise: refused.
  Result<Claim> claim(const ClaimRequest& request);

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
    bool proven = false;             // the proof that was shown is the one that the name was claimed with
  };
  Found find(std::string_view name, std::string_view proof = {}) const;

  // Tunnels that are here now.
  std::size_t size() const { return here_; }

 private:
  struct Holder {
    std::uint64_t generation = 0;
    std::string proof;
    std::string owner;
  };
  struct Entry final : Timer {
    Entry(NameTable& r, std::string_view n) : registry(r), name(n) {}
    void on_timer() override;

    NameTable& registry;
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
