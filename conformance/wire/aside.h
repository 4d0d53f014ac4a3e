// Aside: a concurrent part of a case, on its own thread. join() rethrows its failure.
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
  std::jthread thread_;  // last: it is joined before the members that it uses are destroyed
};

}  // namespace tenfold::conformance
