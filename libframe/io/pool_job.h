// PoolJob: slow work that runs on a thread of libuv's pool and reports to the loop.
//
//   job_ = std::make_unique<PoolJob>(loop, [input] { return slow(input); }, [this](std::string result) { … });
//
// `work` owns its inputs and touches nothing else. `done` is called once, in a later turn. If the job is destroyed
// before that, the work may run to its end, and its result is dropped. Inside `done`, bury the job.
#pragma once

#include <functional>
#include <string>

#include "io/loop.h"

namespace tenfold {

class PoolJob {
 public:
  using Work = std::function<std::string()>;
  using Done = std::function<void(std::string result)>;

  PoolJob(Loop& loop, Work work, Done done);
  ~PoolJob();
  PoolJob(const PoolJob&) = delete;
  PoolJob& operator=(const PoolJob&) = delete;

 private:
  struct Run;
  Run* run_;  // null when done
};

}  // namespace tenfold
