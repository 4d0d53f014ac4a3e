// Runs and judges one case: see runner.h.
#include "conformance/runner.h"

namespace tenfold::conformance {

Result judge(const CaseInfo& info, const std::function<void()>& run) {
  Result result{info};
  const Deadline start = Clock::now();
  try {
    run();
  } catch (const Skip& skipped) {
    result.outcome = Outcome::skipped;
    result.text = skipped.what();
  } catch (const std::exception& error) {
    result.outcome = Outcome::failed;
    result.text = error.what();
  }
  result.took = std::chrono::duration_cast<Millis>(Clock::now() - start);
  return result;
}

}  // namespace tenfold::conformance
