// Sources: what the operator's doors read, as it is now. All of it is borrowed and outlives the doors. On the loop's
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/histogram.h"
#include "base/runtime.h"
#include "broker/admin/access_log.h"
#include "broker/admin/readiness.h"
#include "broker/admission/refusal_counts.h"
#include "broker/desk/desk.h"
#include "broker/desk/metrics.h"
#include "broker/front/front_door.h"
#include "broker/link/link_door.h"
#include "broker/tunnels/name_table.h"

namespace tenfold::broker {

// The registry's side: how it answers. A registry in memory always does.
struct RegistryFigures {
  bool away = false;
  std::uint64_t answered = 0;
  std::uint64_t unanswered = 0;  // within rules::registry_time
  Histogram answer_time;
};

// Another replica, as this one sees it.
struct PeerFigures {
  std::string id;
  std::string address;
  bool connected = false;
  std::size_t streams = 0;
  std::uint64_t requests = 0;  // sent to it, ever
};

struct Sources {
  Runtime& runtime;
  const Readiness& readiness;
  const Metrics& metrics;
  const NameTable& names;
  const LinkDoor& links;
  const FrontDoor& door;
  const Desk& desk;
  const RefusalCounts& refusals;
  const AccessLogFile* access_log;  // null: none
  std::size_t memory_limit;         // bytes
  std::function<RegistryFigures()> registry = [] { return RegistryFigures{}; };
  std::function<std::vector<PeerFigures>()> peers = [] { return std::vector<PeerFigures>{}; };
};

}  // namespace tenfold::broker
