// FrameGuard: reads the nine-octet headers of the frames that go by, before nghttp2 sees them, and counts what
// nghttp2 takes without end or reason: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, RST_STREAM, DATA that is empty
// or padding alone, unknown types and CONTINUATION; a stream id that is not above the last; PUSH_PROMISE. It looks at
// headers and at the Pad Length of DATA alone, so it misses no frame that nghttp2 ignores in silence.
//
// Frames that carry nothing are paid for from a bucket: Budget::burst at once, Budget::rate a second. An
// honest peer of a fast link sends far more WINDOW_UPDATEs than that, so what our own traffic asks for is earned by
// it and free: each DATA frame of ours earns the credit that comes back for it, each stream its answer and its end.
// A flood then costs its sender as much of our attention as our own sending has already had.
//
// A server on the public side has a second bucket for resets, the peer's and those that the peer causes: each costs
// it a request that was begun, so no traffic earns one.
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
  enum class Peer { client, server };  // who sends the frames

  struct Budget {
    std::uint32_t burst;            // frames that carry nothing, in one go...
    std::uint32_t rate;             // ... and a second after that
    std::size_t continuations;      // in one header block
    std::uint32_t reset_burst = 0;  // resets, in one go; 0: they are paid for as other frames are
    std::uint32_t reset_rate = 0;   // ... and a second after that
    bool second_heads = false;      // a client's streams may have trailers, so HEADERS on a known id is in order
  };

  FrameGuard(Peer peer, const Budget& budget);

  struct Verdict {
    std::size_t passed = 0;          // bytes that are in order, all of them as a rule
    H2Code code = H2Code::no_error;  // otherwise: what the peer did wrong behind them
    const char* reason = "";
  };
  // Takes nothing more after a fault.
  Verdict look(Bytes bytes, TimePoint now);

  // We opened a stream, or let the peer open one.
  void on_stream() { earned_ += per_stream; }
  // A DATA frame of ours left with so many bytes in it.
  void on_data_sent(std::size_t payload) { earned_ += per_data_frame + per_data_kib * (payload / 1024); }

  // The peer made us reset a stream. False when it did so too often.
  bool on_stream_fault(TimePoint now) { return (has_resets_ ? resets_ : bucket_).take(now); }

 private:
  static constexpr std::size_t preface_octets = 24;  // RFC 9113 3.4
  static constexpr std::size_t header_octets = 9;    // 4.1

  // An answer, a reset or an end, and some WINDOW_UPDATEs to enlarge the stream's window.
  static constexpr std::uint64_t per_stream = 10;
  // The stream's WINDOW_UPDATE and the connection's; readers that return credit in small steps send one for each KiB.
  static constexpr std::uint64_t per_data_frame = 2;
  static constexpr std::uint64_t per_data_kib = 2;

  // Ids that a client has passed over, and so closed (RFC 9113 5.1.1).
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
  std::uint64_t earned_ = 0;                      // frames that our own traffic has paid for
  std::size_t skip_;                              // octets of the preface, or of a payload, still to come
  std::uint32_t padded_ = 0;                      // payload of a padded DATA frame whose Pad Length is still to come
  bool padded_ends_ = false;                      // ... which has END_STREAM
  std::array<std::uint8_t, header_octets> held_;  // a header not yet whole
  std::uint8_t held_octets_ = 0;
  std::uint32_t highest_id_ = 0;   // of the streams that the peer opened
  std::size_t continuations_ = 0;  // in the present header block
  std::size_t most_continuations_;
  std::array<Gap, 4> gaps_{};  // the last ones, in turn; honest clients make none
  std::uint8_t next_gap_ = 0;
  bool has_resets_;
  bool second_heads_;
  Peer peer_;
};

}  // namespace tenfold
