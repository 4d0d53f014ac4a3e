// The answers that the agent gives in place of the app, on a pooled socket and to a slow app. Each is complete, in the
// form that the request's Accept asks for, and the last of its pipe. They use the broker's table
// (http/failure_texts.h), name the cause and never the local address; `Tenfold-Cause` has its code, for a broker's log.
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace tenfold {

// Maps a failed dial to the app's failure in a kind that a broker knows (docs/PROTOCOL.md, "Streams"), or to `limit`,
// the agent's own.
Error dial_failure(const Error& why);

// `accept`: the request's Accept, empty if unknown. `date`: the Date field. `with_body`: false for a HEAD.
std::string own_answer(const Error& why, std::string_view accept, std::string_view date, bool with_body);

}  // namespace tenfold
