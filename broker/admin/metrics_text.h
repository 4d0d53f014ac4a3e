// The metrics in Prometheus' text format, read from what the broker counts at the time of the scrape. The one door to
// prometheus-cpp. docs/OPERATING.md, "Health and metrics", lists them.
//
// Every label has a fixed set of values: no name of a tunnel, address or token stands in one.
#pragma once

#include <string>

#include "broker/admin/sources.h"

namespace tenfold::broker {

std::string metrics_text(const Sources& sources);

}  // namespace tenfold::broker
