// Histogram: counts of durations, in buckets that each end at twice the time of the one before: from 250 us to 131 s;
// the last one has no end. Adding costs a few instructions, so that it may be done for each request.
//
//   histogram.add(3ms);
//   for (std::size_t i = 0; i < Histogram::buckets; ++i) … Histogram::bucket_end(i), histogram.in_bucket(i)
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace tenfold {

class Histogram {
 public:
  static constexpr std::size_t buckets = 21;

  void add(Duration value) {
    sum_ += value;
    if (value <= first_end) {
      ++counts_[0];
      return;
    }
    const auto quotient = static_cast<std::uint64_t>(value.count() - 1) / static_cast<std::uint64_t>(first_end.count());
    ++counts_[std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(quotient)), buckets - 1)];
  }

  std::uint64_t count() const {
    std::uint64_t all = 0;
    for (const std::uint64_t each : counts_) all += each;
    return all;
  }
  Duration sum() const { return sum_; }
  std::uint64_t in_bucket(std::size_t index) const { return counts_[index]; }
  // The bucket's upper bound, inclusive; Duration::max() for the last one.
  static constexpr Duration bucket_end(std::size_t index) {
    return index + 1 == buckets ? Duration::max() : first_end * (std::int64_t{1} << index);
  }

 private:
  static constexpr Duration first_end = std::chrono::microseconds(250);

  std::array<std::uint64_t, buckets> counts_{};
  Duration sum_{};
};

}  // namespace tenfold
