// Case: one thing that a server or a client must or should do, with where that is written. Cases are values in a
// Suite, added by one function a file (cases/*.cc); a target and a filter make a run of it.
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
  std::string what;   // one line: what holds when it passes
  std::string where;  // "CLASSIC id", "PROTOCOL Section", "CONFORMANCE id"
};

template <typename Target>
struct Case {
  CaseInfo info;
  std::function<void(Target&)> run;
};

template <typename Target>
class Suite {
 public:
  void add(CaseInfo info, std::function<void(Target&)> run) { cases_.push_back({std::move(info), std::move(run)}); }

  // Those that one of the patterns names: an id, or the beginning of one up to a '/'; all, when there are none.
  std::vector<Case<Target>> select(const std::vector<std::string>& only) const {
    std::vector<Case<Target>> chosen;
    for (const Case<Target>& each : cases_) {
      if (only.empty()) chosen.push_back(each);
      for (const std::string& pattern : only) {
        const bool group = each.info.id.starts_with(pattern + (pattern.ends_with('/') ? "" : "/"));
        if (each.info.id == pattern || group) {
          chosen.push_back(each);
          break;
        }
      }
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
  std::string text;  // why not passed
  Millis took{0};
};

}  // namespace tenfold::conformance
