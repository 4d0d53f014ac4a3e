// ReplicaView: which replicas there are, as the last renewal said, and whether each lives. A replica's key lives for
// the lease and the time that names are held for; what is left of it says how long ago the replica renewed:
//
//   left > held            alive
//   held >= left > 0       dead: off the air; its names are kept for their owners
//   no key                 gone: its names are free
//
// The time left is the registry's word; between two renewals it is counted down by this process' own clock, so a clock
// that is set changes nothing. A replica that is missing from one answer is counted down, too, rather than taken for
// gone: a registry that was emptied hears from it within a renewal. While the registry is away, nothing is counted
// down: what was known goes on.
//
// Pure; time is an argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "broker/rules.h"

namespace tenfold::broker {

// The times of leases and names, shorter in tests.
struct ClusterTimes {
  Duration lease = rules::lease_time;
  Duration renew = rules::renew_every;
  Duration held = rules::name_held;               // a name for its owner, after its last member
  Duration unattached = rules::claim_unattached;  // a claim without a member
  Duration kept = rules::name_kept;               // a name with members
};

// A replica, as its members name it: one process, of which `epoch` is the mark.
struct ReplicaId {
  std::string id;
  std::uint64_t epoch = 0;
  bool operator==(const ReplicaId&) const = default;
};
// "ID:EPOCH", the end of its key.
std::string to_string(const ReplicaId& replica);

class ReplicaView {
 public:
  enum class State : std::uint8_t {
    unknown,  // it may have come since the last renewal
    alive,
    dead,
    gone
  };
  struct Replica {
    ReplicaId id;
    std::string peer_address;
  };

  explicit ReplicaView(const ClusterTimes& times) : times_(times) {}

  // An answer to a renewal begins; then each of its replicas.
  void begin_update(TimePoint now);
  void update(Replica replica, Duration left);

  State state_of(const ReplicaId& replica, TimePoint now) const;
  // Null: unknown or gone.
  const Replica* find(const ReplicaId& replica) const;
  // It was asked for after the last update, and is not there.
  void note_gone(const ReplicaId& replica);

  std::vector<Replica> living(TimePoint now) const;
  // Of the last update.
  TimePoint updated_at() const { return updated_at_; }

 private:
  struct Entry {
    Replica replica;
    Duration left{};
    TimePoint said_at{};
  };

  Duration left_of(const Entry& entry, TimePoint now) const;

  const ClusterTimes times_;
  std::map<std::string, Entry, std::less<>> entries_;  // by to_string(ReplicaId)
  std::set<std::string, std::less<>> gone_;
  TimePoint updated_at_{};
};

}  // namespace tenfold::broker
