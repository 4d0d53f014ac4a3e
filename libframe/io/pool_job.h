// PoolJob: something that takes long, done on a thread of libuv's pool and reported on the loop.
//
//   job_ = std::make_unique<PoolJob>(loop, [input] { return slow(input); }, [this](std::string result) { … });
//
// `work` owns what it needs and touches nothing else. `done` comes once, in a later turn; destroying the job before
// that forgets it: the work may go on to its end, unheard. Inside `done`, bury it.
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
