// What a target is known to fail: a file of ids, one a line. `ID maybe`: it depends on something beneath the target,
// such as the version of its HTTP parser, so that it is no surprise either way.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "conformance/case.h"

namespace tenfold::conformance {

enum class Known { fails, may_fail };
using KnownFailures = std::map<std::string, Known>;

// Throws Failure when the file cannot be read, or has a line that says something else; without a name nothing is known.
KnownFailures read_known(const std::string& file);
// "ID fails, and is not known to", "ID is known to fail, and does not"; empty when all is as known.
std::vector<std::string> surprises(const KnownFailures& known, const std::vector<Result>& results);

}  // namespace tenfold::conformance
