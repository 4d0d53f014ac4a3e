#include "io/pool_job.h"

#include <uv.h>

#include <memory>
#include <utility>

namespace tenfold {

// The state that the pool's thread uses: it may outlive the job.
struct PoolJob::Run {
  Run(Loop& l, PoolJob& j, Work w, Done d) : loop(l), job(&j), work(std::move(w)), done(std::move(d)), under_way(l) {
    request.data = this;
  }

  uv_work_t request{};
  Loop& loop;
  PoolJob* job;  // null: abandoned
  Work work;
  Done done;
  std::string result;
  Loop::PoolWork under_way;
};

PoolJob::PoolJob(Loop& loop, Work work, Done done) : run_(new Run(loop, *this, std::move(work), std::move(done))) {
  uv_queue_work(
      loop.uv(), &run_->request,
      [](uv_work_t* request) {
        auto& run = *static_cast<Run*>(request->data);
        run.result = run.work();
      },
      [](uv_work_t* request, int) {
        const std::unique_ptr<Run> run(static_cast<Run*>(request->data));
        const Loop::Callback callback(run->loop);
        if (run->job == nullptr) return;
        run->job->run_ = nullptr;
        run->done(std::move(run->result));
      });
}

PoolJob::~PoolJob() {
  if (run_ == nullptr) return;
  run_->job = nullptr;
  uv_cancel(reinterpret_cast<uv_req_t*>(&run_->request));
}

}  // namespace tenfold
