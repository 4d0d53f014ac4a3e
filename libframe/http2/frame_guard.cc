#include "http2/frame_guard.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tenfold {

namespace {

// RFC 9113 6 and 4.1.
enum FrameType : std::uint8_t {
  data = 0x0,
  headers = 0x1,
  priority = 0x2,
  rst_stream = 0x3,
  settings = 0x4,
  push_promise = 0x5,
  ping = 0x6,
  goaway = 0x7,
  window_update = 0x8,
  continuation = 0x9,
};
constexpr std::uint8_t end_stream_flag = 0x1;
constexpr std::uint8_t padded_flag = 0x8;

constexpr FrameGuard::Verdict too_many{0, H2Code::enhance_your_calm, "too many frames that carry nothing"};
constexpr FrameGuard::Verdict too_many_resets{0, H2Code::enhance_your_calm, "too many streams that were reset"};
constexpr FrameGuard::Verdict stale_id{0, H2Code::protocol_error, "a stream id that is not above the last"};

constexpr std::uint32_t read_32(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

}  // namespace

FrameGuard::FrameGuard(Peer peer, const Budget& budget)
    : bucket_(budget.burst, budget.rate),
      resets_(budget.reset_burst, std::max(budget.reset_rate, std::uint32_t{1})),
      skip_(peer == Peer::client ? preface_octets : 0),
      most_continuations_(budget.continuations),
      has_resets_(budget.reset_burst != 0),
      second_heads_(budget.second_heads),
      peer_(peer) {}

FrameGuard::Verdict FrameGuard::look(Bytes bytes, TimePoint now) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    if (padded_ != 0) {
      // RFC 9113 6.1: Pad Length, then the data, then the padding.
      const std::uint32_t rest = std::exchange(padded_, 0) - 1;
      if (bytes[at] >= rest) {
        Verdict verdict = judge_empty_data(padded_ends_, now);
        if (verdict.code != H2Code::no_error) {
          verdict.passed = at;
          return verdict;
        }
      }
    }
    if (skip_ != 0) {
      const std::size_t n = std::min(skip_, bytes.size() - at);
      skip_ -= n;
      at += n;
      continue;
    }
    const std::size_t n = std::min(header_octets - held_octets_, bytes.size() - at);
    const std::uint8_t* header = bytes.data() + at;
    if (n < header_octets) {
      std::memcpy(held_.data() + held_octets_, header, n);
      held_octets_ = static_cast<std::uint8_t>(held_octets_ + n);
      if (held_octets_ < header_octets) return {bytes.size()};
      held_octets_ = 0;
      header = held_.data();
    }
    Verdict verdict = judge(header, now);
    if (verdict.code != H2Code::no_error) {
      verdict.passed = at;
      return verdict;
    }
    at += n;
    skip_ = read_32(header) >> 8;
  }
  return {bytes.size()};
}

FrameGuard::Verdict FrameGuard::judge(const std::uint8_t* header, TimePoint now) {
  const std::uint32_t length = read_32(header) >> 8;
  const std::uint8_t type = header[3];
  const std::uint8_t flags = header[4];
  const std::uint32_t id = read_32(header + 5) & 0x7fffffffU;
  if (type != FrameType::continuation) continuations_ = 0;
  switch (type) {
    case FrameType::data:
      if (length == 0) return judge_empty_data((flags & end_stream_flag) != 0, now);
      if ((flags & padded_flag) != 0) {
        padded_ = length;
        padded_ends_ = (flags & end_stream_flag) != 0;
      }
      return {};
    case FrameType::headers:
      // A server's answers; one per stream is earned.
      if (peer_ == Peer::server) return pay(now) ? Verdict{} : too_many;
      return judge_request(id, now);
    case FrameType::continuation:
      if (++continuations_ <= most_continuations_) return {};
      return {0, H2Code::enhance_your_calm, "too many CONTINUATION frames"};
    case FrameType::push_promise:
      // RFC 9113 8.4: "A client cannot push. Thus, servers MUST treat the receipt of a PUSH_PROMISE frame as a
      // connection error", and a client that set ENABLE_PUSH to 0 does so too.
      return {0, H2Code::protocol_error, "PUSH_PROMISE"};
    case FrameType::rst_stream:
      if (has_resets_) return resets_.take(now) ? Verdict{} : too_many_resets;
      return pay(now) ? Verdict{} : too_many;
    case FrameType::window_update: return pay(now) ? Verdict{} : too_many;
    default: break;
  }
  return bucket_.take(now) ? Verdict{} : too_many;
}

FrameGuard::Verdict FrameGuard::judge_request(std::uint32_t id, TimePoint now) {
  if (id > highest_id_) {
    const std::uint32_t next = highest_id_ == 0 ? 1 : highest_id_ + 2;
    if (second_heads_ && id > next) {
      gaps_[next_gap_] = {next, id - 1};
      next_gap_ = static_cast<std::uint8_t>((next_gap_ + 1) % gaps_.size());
    }
    highest_id_ = id;
    on_stream();
    return {};
  }
  // RFC 9113 5.1.1: "The identifier of a newly established stream MUST be numerically greater than all streams
  // that the initiating endpoint has opened or reserved. [...] An endpoint that receives an unexpected stream
  // identifier MUST respond with a connection error (Section 5.4.1) of type PROTOCOL_ERROR." And 8.5 has no
  // second HEADERS on a stream that plain CONNECT opened.
  const auto is_within = [id](const Gap& gap) { return gap.first <= id && id <= gap.last; };
  if (!second_heads_ || std::any_of(gaps_.begin(), gaps_.end(), is_within)) return stale_id;
  // Trailers; or HEADERS that nghttp2 ignores because the stream was reset.
  return pay(now) ? Verdict{} : too_many;
}

FrameGuard::Verdict FrameGuard::judge_empty_data(bool ends, TimePoint now) {
  // One END_STREAM per stream is legitimate.
  const bool paid = ends ? pay(now) : bucket_.take(now);
  return paid ? Verdict{} : too_many;
}

bool FrameGuard::pay(TimePoint now) {
  if (earned_ == 0) return bucket_.take(now);
  --earned_;
  return true;
}

}  // namespace tenfold
