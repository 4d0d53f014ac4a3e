// Case: one requirement on a server or a client, and where it is written. Cases are values in a Suite, added by one
// function per file (cases/*.cc); a target and a filter make a run of it.
//
//   void add_classic_pool(Suite<ServerTarget>& suite) {
//     suite.add({"classic/pool/reuse", Level::must, "one socket serves two requests in turn", "CLASSIC pool-reuse"},
//               [](ServerTarget& target) { … REQUIRE(answer.status == 200); … });
//   }
//
// A case returns, or throws Failure or Skip. Each runs on a thread of the runner, with a target object of its own.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/wire/deadline.h"

namespace tenfold::conformance {

enum class Level { must, should };

struct CaseInfo {
  std::string id;
  Level level = Level::must;
  std::string what;   // one line: what holds if it passes
  std::string where;  // "CLASSIC id", "PROTOCOL Section", "CONFORMANCE id"
};

template <typename Target>
struct Case {
  CaseInfo info;
  std::function<void(Target&)> run;
};

// Whether a pattern equals this id, or a prefix of it that ends before a '/'.
inline bool names(const std::vector<std::string>& patterns, const std::string& id) {
  for (const std::string& pattern : patterns) {
    if (id == pattern || id.starts_with(pattern.ends_with('/') ? pattern : pattern + "/")) return true;
  }
  return false;
}

template <typename Target>
class Suite {
 public:
  void add(CaseInfo info, std::function<void(Target&)> run) { cases_.push_back({std::move(info), std::move(run)}); }

  // The cases named by one of `only` (all, if it is empty) and by none of `except`.
  std::vector<Case<Target>> select(const std::vector<std::string>& only, const std::vector<std::string>& except) const {
    std::vector<Case<Target>> chosen;
    for (const Case<Target>& each : cases_) {
      if ((only.empty() || names(only, each.info.id)) && !names(except, each.info.id)) chosen.push_back(each);
    }
    return chosen;
  }

 private:
  std::vector<Case<Target>> cases_;
};

enum class Outcome { passed, failed, skipped };

struct Result {
  CaseInfo info;
  Outcome outcome = Outcome::passed;
  std::string text = {};               // why it did not pass
  std::vector<std::string> said = {};  // the last output of the command under test, if it failed
  Millis took{0};
};

}  // namespace tenfold::conformance
