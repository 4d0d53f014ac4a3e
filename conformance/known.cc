// Known failures: see known.h.
#include "conformance/known.h"

#include <fstream>

namespace tenfold::conformance {

KnownFailures read_known(const std::string& file) {
  KnownFailures known;
  if (file.empty()) return known;
  std::ifstream in(file);
  if (!in) fail(file + ", the list of known failures, cannot be read");
  for (std::string line; std::getline(in, line);) {
    const std::size_t space = line.find(' ');
    if (space != std::string::npos && line.substr(space) != " maybe") {
      fail(std::string(file).append(": neither an id nor `ID maybe`: ").append(line));
    }
    known[line.substr(0, space)] = space == std::string::npos ? Known::fails : Known::may_fail;
  }
  return known;
}

std::vector<std::string> surprises(const KnownFailures& known, const std::vector<Result>& results) {
  std::vector<std::string> out;
  for (const Result& each : results) {
    const bool failed = each.outcome == Outcome::failed;
    const auto found = known.find(each.info.id);
    const bool told = found != known.end();
    if (each.outcome == Outcome::skipped || failed == told || (told && found->second == Known::may_fail)) continue;
    out.push_back(each.info.id + (failed ? " fails, and is not known to" : " is known to fail, and does not"));
  }
  return out;
}

}  // namespace tenfold::conformance
