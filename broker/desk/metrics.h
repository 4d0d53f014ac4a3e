// Metrics: counts and histograms of the requests served, in memory. Updated once per request, at its end, and read by
// any exporter. No number is counted elsewhere.
//
//   metrics.add(record);
//   metrics.requests(Outcome::served); metrics.failures("app-refused"); metrics.time_to_first_byte().count(…)
//
// Thread: the loop's.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string_view>

#include "broker/app/request_record.h"

namespace tenfold::broker {

// Counts of durations, by powers of four from 250 us to 4 min; the last bucket is unbounded.
class Histogram {
 public:
  static constexpr std::size_t buckets = 11;

  void add(Duration value);

  std::uint64_t count() const { return count_; }
  Duration sum() const { return sum_; }
  std::uint64_t in_bucket(std::size_t index) const { return counts_[index]; }
  // The bucket's upper bound, inclusive; Duration::max() for the last one.
  static Duration bucket_end(std::size_t index);

 private:
  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t count_ = 0;
  Duration sum_{};
};

class Metrics {
 public:
  void add(const RequestRecord& record);

  std::uint64_t requests(Outcome outcome) const { return outcomes_[static_cast<std::size_t>(outcome)]; }
  // Answers by the first digit of their status, 1 to 5.
  std::uint64_t answers(int hundreds) const { return statuses_[static_cast<std::size_t>(hundreds)]; }
  // By the code of http/failure_texts.h; 0 if it has not happened.
  std::uint64_t failures(std::string_view code) const;
  std::uint64_t body_in() const { return body_in_; }
  std::uint64_t body_out() const { return body_out_; }

  // Times from a request's head to the pipe to its app, to the answer's first byte, and to its end, for requests that
  // got so far.
  const Histogram& time_to_pipe() const { return to_pipe_; }
  const Histogram& time_to_first_byte() const { return to_first_byte_; }
  const Histogram& time_to_end() const { return to_end_; }

 private:
  static constexpr std::size_t outcomes = static_cast<std::size_t>(Outcome::left) + 1;

  std::array<std::uint64_t, outcomes> outcomes_{};
  std::array<std::uint64_t, 6> statuses_{};
  std::map<std::string_view, std::uint64_t> failures_;  // the keys are literals of that table
  std::uint64_t body_in_ = 0;
  std::uint64_t body_out_ = 0;
  Histogram to_pipe_;
  Histogram to_first_byte_;
  Histogram to_end_;
};

}  // namespace tenfold::broker
