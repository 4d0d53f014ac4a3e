// The operator's API as JSON: what the broker does now. docs/OPERATING.md, "The admin door", has the fields.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "broker/admin/sources.h"

namespace tenfold::broker {

// Of tunnels: those whose name has `part` in it, by name, `most` of them; the count of all that fit stands beside.
std::string tunnels_json(const Sources& sources, std::string_view part, std::size_t most);
// Of one name; empty: there is none.
std::string tunnel_json(const Sources& sources, std::string_view name);
std::string links_json(const Sources& sources, std::size_t most);
std::string peers_json(const Sources& sources);
// Counts and the histogram from which the page makes its rates and percentiles.
std::string summary_json(const Sources& sources);

}  // namespace tenfold::broker
