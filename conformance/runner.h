// The runner: runs cases in parallel on a few threads, each with its own target. Cases mostly wait, so there are more
// threads than processors.
#pragma once

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "conformance/case.h"

namespace tenfold::conformance {

// Runs one case and returns its result.
Result judge(const CaseInfo& info, const std::function<void()>& run);

// `make(i)`: the target for the i-th case. `done` gets each result as it comes, one at a time. The results are in the
// order of the cases.
template <typename Target, typename Make, typename Done>
std::vector<Result> run_cases(const std::vector<Case<Target>>& cases, unsigned jobs, Make make, Done done) {
  std::vector<Result> results(cases.size());
  std::atomic<std::size_t> next{0};
  std::mutex telling;
  const auto work = [&] {
    for (std::size_t i = next++; i < cases.size(); i = next++) {
      Target target = make(i);
      results[i] = judge(cases[i].info, [&] { cases[i].run(target); });
      if (results[i].outcome == Outcome::failed) results[i].said = target.last_words();
      const std::lock_guard lock(telling);
      done(results[i]);
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 0; i < std::max(1u, jobs); ++i) threads.emplace_back(work);
  threads.clear();
  return results;
}

}  // namespace tenfold::conformance
