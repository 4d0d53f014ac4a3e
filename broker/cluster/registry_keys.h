// The keys of the registry and the scripts that change them. Each change is one script, so it is atomic; each script
// may be executed twice without harm (redis_client.h).
#pragma once

#include <string>
#include <string_view>

#include "broker/cluster/redis_client.h"
#include "broker/cluster/replica_view.h"

namespace tenfold::broker::registry_keys {

inline constexpr std::string_view epoch = "tenfold:epoch";        // of the registry: missing when it was emptied
inline constexpr std::string_view warming = "tenfold:warming";    // lives for a lease from a new epoch on
inline constexpr std::string_view replicas = "tenfold:replicas";  // the set of those that have a key
inline constexpr std::string_view events = "tenfold:events";      // the stream
inline constexpr std::string_view replica_prefix = "tenfold:replica:";
inline constexpr std::string_view name_prefix = "tenfold:name:";
inline constexpr std::string_view event_field = "e";

// Renews a replica's own key, by an operation that needs no memory while the key is there.
//   KEYS  its key, replicas, epoch, warming
//   ARGV  "ID:EPOCH", its value, time to live (ms), replica_prefix, an epoch to set if there is none, lease (ms),
//         held (ms)
//   ->    epoch ("" when there is none and no memory for one), own (0: no memory; 1: renewed; 2: the key was gone, or
//         others held the replica for dead), warming left (ms, or less than 0), then of each replica:
//         "ID:EPOCH", value, time to live (ms)
extern const RedisScript renew;

// Swaps the value of a name, if it is still the expected one.
//   KEYS  the name's key, events, epoch, warming
//   ARGV  expected value, new value (each "" for none), time to live (ms), event or "", "1" if only while the registry
//         is calm, events kept
//   ->    {1} done, {0, value} it was another, {2} the registry is not calm
extern const RedisScript change;

}  // namespace tenfold::broker::registry_keys
