// doctest's REQUIRE for cases that run on any thread, outside of doctest's own runner: a failed one throws
// Failure with the expression and both values.
#pragma once

#include <doctest/doctest.h>

#include "conformance/wire/deadline.h"

namespace tenfold::conformance {

// Call once, before the first case.
void throw_failures_of_doctest();

}  // namespace tenfold::conformance
