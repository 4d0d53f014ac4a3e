// The answers that the agent gives in the app's place on a pooled socket, and to an app that is too slow. Each is
// whole, in the form that the request's Accept asks for, and the last of its pipe. They are made of the table that the
// broker answers by (mux/failure.h), name the cause and never the local address; `Tenfold-Cause` bears its code, for a
// broker's log. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace tenfold {

// What a dial that failed is to a visitor: the app's failure of a kind that a broker knows (docs/PROTOCOL.md,
// "Streams"), or `limit`, the agent's own.
Error dial_failure(const Error& why);

// `accept`: the request's Accept, empty where it is not known. `date`: the Date field. `with_body`: not to a HEAD.
std::string own_answer(const Error& why, std::string_view accept, std::string_view date, bool with_body);

}  // namespace tenfold
