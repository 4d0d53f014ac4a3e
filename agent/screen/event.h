// Event: one line of --json: an object whose fields keep their order.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tenfold {

using Event = nlohmann::ordered_json;

inline std::string line_of(const Event& event) { return event.dump(-1, ' ', false, Event::error_handler_t::replace); }

}  // namespace tenfold
