// Metrics: counts and histograms of the requests served, in memory. Updated once per request, at its end, and read by
// any exporter. No number is counted elsewhere.
//
//   metrics.add(record);
//   metrics.requests(Outcome::served); metrics.failures("app-refused"); metrics.app().count(…)
//
// Thread: the loop's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/histogram.h"
#include "broker/app/request_record.h"

namespace tenfold::broker {

class Metrics {
 public:
  void add(const RequestRecord& record);

  std::uint64_t requests(Outcome outcome) const;
  // By the party that decided how it ended: the app that answered, the visitor who left, who failed.
  std::uint64_t requests(Outcome outcome, Origin origin) const {
    return requests_[static_cast<std::size_t>(outcome)][static_cast<std::size_t>(origin)];
  }
  // Answers by the first digit of their status, 1 to 5.
  std::uint64_t answers(int hundreds) const { return statuses_[static_cast<std::size_t>(hundreds)]; }
  // By the code of http/failure_texts.h; 0 if it has not happened.
  std::uint64_t failures(std::string_view code) const;
  // By the reason, a fixed set; `other` beyond rules::reject_reasons of them.
  const std::map<std::string, std::uint64_t, std::less<>>& rejects() const { return rejects_; }
  // By the wait that expired.
  std::uint64_t expired(http::Limit limit) const { return limits_[static_cast<std::size_t>(limit)]; }
  std::uint64_t body_in() const { return body_in_; }
  std::uint64_t body_out() const { return body_out_; }

  // The phases of requests that got so far (request_record.h), and the whole of those that were served.
  const Histogram& edge() const { return edge_; }
  const Histogram& wait() const { return wait_; }
  const Histogram& link() const { return link_; }
  const Histogram& app() const { return app_; }
  const Histogram& whole() const { return whole_; }

 private:
  static constexpr std::size_t origins = static_cast<std::size_t>(Origin::peer) + 1;
  static constexpr std::size_t wait_limits = static_cast<std::size_t>(http::Limit::reader_stands) + 1;

  std::array<std::array<std::uint64_t, origins>, outcomes> requests_{};
  std::array<std::uint64_t, 6> statuses_{};
  std::map<std::string_view, std::uint64_t> failures_;  // the keys are literals of that table
  std::map<std::string, std::uint64_t, std::less<>> rejects_;
  std::array<std::uint64_t, wait_limits> limits_{};
  std::uint64_t body_in_ = 0;
  std::uint64_t body_out_ = 0;
  Histogram edge_;
  Histogram wait_;
  Histogram link_;
  Histogram app_;
  Histogram whole_;
};

}  // namespace tenfold::broker
