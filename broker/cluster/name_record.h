// NameRecord: the value of a name in the registry, and what each wish makes of it. Who may have a name is decided here.
//
//   const NameRecord record = NameRecord::read(bytes);
//   NameEdit edit = claim_name(record, request, here);       // then the registry swaps bytes for edit.bytes,
//   if (edit.verdict == NameEdit::Verdict::write) …          // unless they have changed: then once more
//
//   claim_name    A claim is no member yet: the former ones serve until attach_name().
//   attach_name   Its tunnel stands: in place of the others, or beside them. Good without a claim as well, so that a
//                 name which the registry has lost is published again; then it yields to a later generation.
//   hold_name     Its tunnel has gone; after the last one the name is kept for its owner.
//   release_name  Its tunnel has gone; after the last one the name is free.
//   give_up_name  No tunnel comes of the claim.
//   ban_name      All members go, and nobody gets the name for a time.
//
// A replica finds its own members by its id, its epoch and their generation: a former member's wish changes nothing.
//
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "broker/cluster/replica_view.h"
#include "broker/tunnels/visitor_policy.h"
#include "proto/cluster.pb.h"

namespace tenfold::broker {

struct NameRequest {
  std::string name{};
  std::string owner{};
  bool owner_proves = false;           // a token's name or an agent's instance proves who asks; an address does not
  std::string instance{};              // of the agent; may be empty
  std::uint64_t token_generation = 0;  // of a resume token that was verified for this name and owner; 0: none
  std::uint64_t known_generation = 0;  // the highest that the asking replica knows of
  bool joins = false;                  // beside the owner's others of that name, rather than in their place
  std::string address{};               // where it comes from, without an operator's token; empty: not told
};

// A tunnel that stands on this replica.
struct Standing {
  std::string name{};
  std::uint64_t generation = 0;  // of its claim
  std::string owner{};
  std::string instance{};
  std::uint64_t link_id = 0;
  bool joins = false;
  std::string policy{};   // control.VisitorPolicy's bytes; empty: everybody may come
  std::string address{};  // as the claim's
};

struct NameRecord {
  enum class Kind : std::uint8_t {
    absent,
    known,
    newer,   // of a version that is not read here, and not written over
    garbage  // as absent
  };
  static NameRecord read(std::string bytes);

  Kind kind = Kind::absent;
  std::string bytes{};
  cluster::Name value{};
};

// Where a wish is considered: by whom, when, and what is known of the replicas then.
struct NamePlace {
  const ReplicaId& self;
  const ReplicaView& replicas;
  const ClusterTimes& times;
  TimePoint now;
};

struct NameEdit {
  enum class Verdict : std::uint8_t {
    write,      // `bytes` are to be stored; empty: the key is to go
    unchanged,  // nothing is to be done
    taken,      // somebody else has the name
    banned,
    lost  // of attach_name(): another has the name now, `event` says which, or it was banned
  };
  Verdict verdict = Verdict::unchanged;
  std::string bytes{};
  Duration keep{};               // the key's time to live
  cluster::Event event{};        // none: UNKNOWN
  std::uint64_t generation = 0;  // of a claim
  bool wants_calm = false;       // only where the registry has not lost its names just now
};

// Members and claims of replicas that the view does not know.
std::vector<ReplicaId> unknown_replicas(const NameRecord& record, const NamePlace& here);

NameEdit claim_name(const NameRecord& record, const NameRequest& request, const NamePlace& here);
NameEdit attach_name(const NameRecord& record, const Standing& standing, const NamePlace& here);
NameEdit hold_name(const NameRecord& record, std::string_view name, std::uint64_t generation, const NamePlace& here);
NameEdit release_name(const NameRecord& record, std::string_view name, std::uint64_t generation, const NamePlace& here);
NameEdit give_up_name(const NameRecord& record, std::string_view name, std::uint64_t generation, const NamePlace& here);
// For 0 s the name is free at once.
NameEdit ban_name(const NameRecord& record, std::string_view name, Duration time);

}  // namespace tenfold::broker
