// Aside: something that a case does meanwhile, on a thread of its own. A failure there comes out of join().
#pragma once

#include <exception>
#include <functional>
#include <thread>
#include <utility>

namespace tenfold::conformance {

class Aside {
 public:
  explicit Aside(std::function<void()> work)
      : thread_([this, work = std::move(work)] {
          try {
            work();
          } catch (...) {
            failure_ = std::current_exception();
          }
        }) {}

  void join() {
    thread_.join();
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  std::exception_ptr failure_;
  std::jthread thread_;  // last: it is joined before what it writes to goes away
};

}  // namespace tenfold::conformance
