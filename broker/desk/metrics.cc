#include "broker/desk/metrics.h"

#include <algorithm>
#include <numeric>

#include "broker/rules.h"
#include "http/failure_texts.h"

namespace tenfold::broker {
void Metrics::add(const RequestRecord& record) {
  ++requests_[static_cast<std::size_t>(record.outcome)][static_cast<std::size_t>(record.origin())];
  if (record.status != 0) ++statuses_[static_cast<std::size_t>(std::clamp(record.status / 100, 1, 5))];
  if (record.outcome == Outcome::failed) ++failures_[failure_form(record.why).code];
  if (record.outcome == Outcome::rejected) {
    const bool known = rejects_.size() < rules::reject_reasons || rejects_.contains(record.reason);
    ++rejects_[known ? std::string(record.reason) : "other"];
  }
  ++limits_[static_cast<std::size_t>(record.limit)];
  body_in_ += record.body_in;
  body_out_ += record.body_out;
  if (record.assigned == TimePoint{}) return;
  edge_.add(record.edge());
  if (record.opened != TimePoint{}) wait_.add(record.wait());
  if (record.first_byte != TimePoint{}) {
    link_.add(record.link);
    app_.add(record.app());
  }
  if (record.outcome == Outcome::served) whole_.add(record.ended - record.began);
}

std::uint64_t Metrics::requests(Outcome outcome) const {
  const auto& counts = requests_[static_cast<std::size_t>(outcome)];
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::uint64_t Metrics::failures(std::string_view code) const {
  const auto found = failures_.find(code);
  return found == failures_.end() ? 0 : found->second;
}

}  // namespace tenfold::broker
