// The known failures of a target: a file with one id per line. `ID maybe`: it depends on something beneath the target,
// such as the version of its HTTP parser, so either result is expected.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "conformance/case.h"

namespace tenfold::conformance {

enum class Known { fails, may_fail };
using KnownFailures = std::map<std::string, Known>;

// Throws Failure if the file cannot be read or has an invalid line; without a file name no failure is known.
KnownFailures read_known(const std::string& file);
// "ID fails, and is not known to", "ID is known to fail, and does not"; empty if all results are as expected.
std::vector<std::string> surprises(const KnownFailures& known, const std::vector<Result>& results);

}  // namespace tenfold::conformance
