// Known failures: see known.h.
#include "conformance/known.h"

#include <fstream>

namespace tenfold::conformance {

std::set<std::string> read_known(const std::string& file) {
  std::set<std::string> known;
  if (file.empty()) return known;
  std::ifstream in(file);
  if (!in) fail(file + ", the list of known failures, cannot be read");
  for (std::string line; std::getline(in, line);) known.insert(line);
  return known;
}

std::vector<std::string> surprises(const std::set<std::string>& known, const std::vector<Result>& results) {
  std::vector<std::string> out;
  for (const Result& each : results) {
    const bool failed = each.outcome == Outcome::failed;
    if (each.outcome == Outcome::skipped || failed == known.contains(each.info.id)) continue;
    out.push_back(each.info.id + (failed ? " fails, and is not known to" : " is known to fail, and does not"));
  }
  return out;
}

}  // namespace tenfold::conformance
