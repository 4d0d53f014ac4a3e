// The answers that the agent gives in the app's place. Each is whole, plain text, and the last of its pipe. They name
// the cause, never the local address. Pure.
#pragma once

#include <string>

#include "base/error.h"
#include "base/time.h"

namespace tenfold {

// `with_body`: not to a HEAD.
std::string bad_gateway(ErrorKind cause, bool with_body);
std::string gateway_timeout(Duration waited, bool with_body);

}  // namespace tenfold
