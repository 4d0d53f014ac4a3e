// FrameGuard: reads the nine-octet frame headers before nghttp2 sees the frames. It limits frames that nghttp2 accepts
// without bound: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM, DATA that is empty or only padding, unknown types
// and CONTINUATION. It refuses a stream id that is not above the last one, and PUSH_PROMISE. It reads frame headers and
// the Pad Length of DATA only, so it also counts frames that nghttp2 ignores silently.
//
// Frames without content are paid for from a bucket: Budget::burst at once, Budget::rate per second. An honest peer on
// a fast link sends far more WINDOW_UPDATEs than that, so frames that our own traffic causes are free: each DATA frame
// that we send earns the credit that returns for it, each stream its answer and its end. So the work that a flood
// causes stays proportional to what we sent.
//
// A server on the public side has a second bucket for resets, both the peer's and those that the peer causes: each one
// costs a request that was begun, so no traffic earns them.
//
//   guard.on_stream(); guard.on_data_sent(n);    // what we did
//   verdict = guard.look(bytes, now);            // verdict.passed of them are for nghttp2
//
// Pure. One for each connection, on its thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/flood_bucket.h"
#include "base/time.h"
#include "http2/h2_code.h"

namespace tenfold {

class FrameGuard {
 public:
  enum class Peer { client, server };  // the sender of the frames

  struct Budget {
    std::uint32_t burst;            // frames without content, at once...
    std::uint32_t rate;             // ... and per second after that
    std::size_t continuations;      // in one header block
    std::uint32_t reset_burst = 0;  // resets at once; 0: resets use the bucket of other frames
    std::uint32_t reset_rate = 0;   // ... and per second after that
    bool second_heads = false;      // a client's streams may have trailers, so HEADERS on a known id are legal
  };

  FrameGuard(Peer peer, const Budget& budget);

  struct Verdict {
    std::size_t passed = 0;          // valid bytes, usually all of them
    H2Code code = H2Code::no_error;  // the peer's fault after those bytes, if any
    const char* reason = "";
  };
  // Consumes nothing after a fault.
  Verdict look(Bytes bytes, TimePoint now);

  // We opened a stream, or the peer did.
  void on_stream() { earned_ += per_stream; }
  // We sent a DATA frame with this payload.
  void on_data_sent(std::size_t payload) { earned_ += per_data_frame + per_data_kib * (payload / 1024); }

  // The peer made us reset a stream. False: too often.
  bool on_stream_fault(TimePoint now) { return (has_resets_ ? resets_ : bucket_).take(now); }

 private:
  static constexpr std::size_t preface_octets = 24;  // RFC 9113 3.4
  static constexpr std::size_t header_octets = 9;    // 4.1

  // An answer, a reset or an end, and some WINDOW_UPDATEs that enlarge the stream's window.
  static constexpr std::uint64_t per_stream = 10;
  // The stream's WINDOW_UPDATE and the connection's; readers that return credit in small steps send one for each KiB.
  static constexpr std::uint64_t per_data_frame = 2;
  static constexpr std::uint64_t per_data_kib = 2;

  // Ids that a client skipped and so closed (RFC 9113 5.1.1).
  struct Gap {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
  };

  Verdict judge(const std::uint8_t* header, TimePoint now);
  Verdict judge_request(std::uint32_t id, TimePoint now);
  Verdict judge_empty_data(bool ends, TimePoint now);
  bool pay(TimePoint now);

  FloodBucket bucket_;
  FloodBucket resets_;
  std::uint64_t earned_ = 0;  // free frames, earned by our own traffic
  std::size_t skip_;          // remaining octets of the preface or of a payload
  std::uint32_t padded_ = 0;  // the payload of a padded DATA frame whose Pad Length is still to come
  bool padded_ends_ = false;  // ... which has END_STREAM
  std::array<std::uint8_t, header_octets> held_;  // an incomplete frame header
  std::uint8_t held_octets_ = 0;
  std::uint32_t highest_id_ = 0;   // of the streams that the peer opened
  std::size_t continuations_ = 0;  // in the current header block
  std::size_t most_continuations_;
  std::array<Gap, 4> gaps_{};  // the latest ones, in rotation; honest clients leave none
  std::uint8_t next_gap_ = 0;
  bool has_resets_;
  bool second_heads_;
  Peer peer_;
};

}  // namespace tenfold
