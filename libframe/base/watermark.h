// Watermark: reports once when a level rises to the high mark, and once when it has fallen to the low mark.
// Back-pressure without flapping.
#pragma once

#include <cassert>
#include <cstddef>

namespace tenfold {

class Watermark {
 public:
  Watermark(std::size_t low, std::size_t high) : low_(low), high_(high) { assert(low < high); }

  enum class Crossed { nothing, rose, fell };

  Crossed set(std::size_t level) {
    level_ = level;
    if (!above_ && level >= high_) return above_ = true, Crossed::rose;
    if (above_ && level <= low_) return above_ = false, Crossed::fell;
    return Crossed::nothing;
  }
  Crossed add(std::size_t n) { return set(level_ + n); }
  Crossed remove(std::size_t n) {
    assert(n <= level_);
    return set(level_ - n);
  }

  std::size_t level() const { return level_; }
  bool above() const { return above_; }

 private:
  std::size_t low_;
  std::size_t high_;
  std::size_t level_ = 0;
  bool above_ = false;  // between a rise to `high_` and the next fall to `low_`
};

}  // namespace tenfold
