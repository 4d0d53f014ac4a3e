// What a target is known to fail: a file of ids, one a line.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "conformance/case.h"

namespace tenfold::conformance {

// Throws Failure when the file cannot be read; without a name nothing is known.
std::set<std::string> read_known(const std::string& file);
// "ID fails, and is not known to", "ID is known to fail, and does not"; empty when all is as known.
std::vector<std::string> surprises(const std::set<std::string>& known, const std::vector<Result>& results);

}  // namespace tenfold::conformance
