#include "broker/desk/metrics.h"

#include <algorithm>
#include <bit>

#include "http/failure_texts.h"

namespace tenfold::broker {
namespace {

constexpr Duration first_bucket = 250us;

}  // namespace

void Histogram::add(Duration value) {
  // Each bucket is four times as wide as the one before it: two bits of the quotient.
  const auto quotient = static_cast<std::uint64_t>(std::max<Duration::rep>((value - 1ns) / first_bucket, 0));
  ++counts_[std::min<std::size_t>((static_cast<std::size_t>(std::bit_width(quotient)) + 1) / 2, buckets - 1)];
  ++count_;
  sum_ += value;
}

Duration Histogram::bucket_end(std::size_t index) {
  return index + 1 == buckets ? Duration::max() : first_bucket * (std::int64_t{1} << 2 * index);
}

void Metrics::add(const RequestRecord& record) {
  ++outcomes_[static_cast<std::size_t>(record.outcome)];
  if (record.status != 0) ++statuses_[static_cast<std::size_t>(std::clamp(record.status / 100, 1, 5))];
  if (record.outcome == Outcome::failed) ++failures_[failure_form(record.why).code];
  body_in_ += record.body_in;
  body_out_ += record.body_out;
  if (record.opened != TimePoint{}) to_pipe_.add(record.opened - record.began);
  if (record.first_byte != TimePoint{}) to_first_byte_.add(record.first_byte - record.began);
  if (record.outcome == Outcome::served) to_end_.add(record.ended - record.began);
}

std::uint64_t Metrics::failures(std::string_view code) const {
  const auto found = failures_.find(code);
  return found == failures_.end() ? 0 : found->second;
}

}  // namespace tenfold::broker
