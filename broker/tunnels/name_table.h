// NameTable: which name is whose, and the tunnel behind it now.
//
//   auto claim = names.claim({"myapp", claimant});   // or "" for any name
//   names.attach(*claim, tunnel);
//   names.hold(*claim);        // the agent is gone: kept for its owner for a while
//   names.release(*claim);     // or free at once
//   names.give_up(*claim);     // in place of attach(): what was before stands again
//
// A name is a set of members, mostly one, each with a generation: a former member's hold() or release() changes nothing
// for those that came after it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/runtime.h"
#include "broker/rules.h"
#include "broker/tunnels/claimant.h"
#include "broker/tunnels/name_index.h"
#include "broker/tunnels/tunnel.h"
#include "broker/tunnels/visitor_policy.h"

namespace tenfold::broker {

struct Claim {
  std::string name;
  std::uint64_t generation = 0;
};

// Who wants which name.
struct ClaimRequest {
  std::string name{};  // empty: a random one
  Claimant who{};
  // The tunnel joins the owner's others of that name, rather than to replace them.
  bool joins = false;
};

class NameTable {
 public:
  explicit NameTable(Runtime& runtime) : runtime_(runtime) {}

  // A name that is taken goes to its owner: to a proven one even while the tunnel seems to live, otherwise when no
  // agent stands behind it, or when the claim joins. Without an agent it also goes to who comes from the owner's
  // address: an agent that was started again somewhere without a state of its own. Otherwise: refused.
  Result<Claim> claim(const ClaimRequest& request);

  // Whether claim() would give the name.
  bool is_free_for(const ClaimRequest& request) const;

  // As claim(), where others decide who may have the name, and by which generation.
  void enter(const Claim& claim, const ClaimRequest& request);

  // A tunnel elsewhere has the name from now on: those of lower generations are none any more, or, if it joins, only
  // the one of the same instance. They hand over to `successor`.
  void replace(std::string_view name, std::uint64_t generation, std::string_view instance, bool joins,
               const std::shared_ptr<Tunnel>& successor);

  // Who made the claim; null: it is none any more.
  struct Holder {
    const Claimant& who;
    bool joins;
  };
  std::optional<Holder> holder_of(const Claim& claim) const;

  // The highest generation that the name has here; 0: none.
  std::uint64_t generation_of(std::string_view name) const;

  // No tunnel comes of the claim.
  void give_up(const Claim& claim);

  // The claim's tunnel stands. Those that it replaces hand over to it: all that the name had; of a claim that joins,
  // the one whose generation its resume token has. `policy`: of the name from now on; null: everybody may come.
  void attach(const Claim& claim, const std::shared_ptr<Tunnel>& tunnel,
              std::shared_ptr<const VisitorPolicy> policy = nullptr);

  // The tunnel is gone; when it was the last one, the name waits for its owner for rules::name_held.
  void hold(const Claim& claim);

  // The tunnel is gone; when it was the last one, the name is free.
  void release(const Claim& claim);

  enum class State { unknown, away, here };
  struct Found {
    State state = State::unknown;
    std::shared_ptr<Tunnel> tunnel;               // when here: of several, each in its turn
    std::shared_ptr<const VisitorPolicy> policy;  // null: everybody may come
  };
  Found find(std::string_view name);

  // Tunnels that are here now.
  std::size_t size() const { return here_; }

  // Calls `each(tunnel, has_policy)` for these, in no order.
  template <typename Each>
  void for_each(Each each) const {
    entries_.for_each([&](const Entry& entry) {
      for (const std::vector<Member>* members : {&entry.members, &entry.former}) {
        for (const Member& member : *members) {
          if (member.tunnel != nullptr) each(*member.tunnel, entry.policy != nullptr);
        }
      }
    });
  }

  // Those of one name: a copy, since ending one changes the table.
  std::vector<std::shared_ptr<Tunnel>> tunnels_of(std::string_view name) const;

  // Frees the name, whoever it is held for. False: it is not known.
  bool forget(std::string_view name);

 private:
  struct Member {
    std::uint64_t generation = 0;
    Claimant who;
    bool joins = false;
    std::shared_ptr<Tunnel> tunnel{};  // null while it is away, or not attached yet
  };
  struct Entry final : Timer {
    Entry(NameTable& t, std::string_view n) : table(t), name(n) {}
    void on_timer() override;

    NameTable& table;
    const std::string name;
    std::vector<Member> members;
    // Whom the last claim replaces as soon as it is attached. They serve until then.
    std::vector<Member> former;
    std::shared_ptr<const VisitorPolicy> policy;
    std::size_t turn = 0;  // of the member that serves next
  };

  static bool may_have(const Entry& entry, const ClaimRequest& request);
  static const std::shared_ptr<Tunnel>* next_tunnel(Entry& entry);
  // The member of the claim and its entry; null when the claim is none any more.
  struct Place {
    Entry* entry;
    Member* member;
  };
  Place place_of(const Claim& claim) const;
  bool leave_former(const Claim& claim);
  void set_tunnel(Member& member, std::shared_ptr<Tunnel> tunnel);
  void drop(std::vector<Member>& members);
  void remove(Entry& entry, Member& member);

  Runtime& runtime_;
  NameIndex<Entry> entries_;
  std::size_t here_ = 0;
  std::uint64_t next_generation_ = 1;
};

}  // namespace tenfold::broker
