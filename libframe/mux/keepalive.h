// Keepalive: when to send a PING, and when to give the peer up. The first PING is due at once, for
// the round trip that windows grow by; then one every `every`. Pure: time is an argument.
//
//   on_time(now, quiet) == Act::ping   -> send it;  Act::dead -> the peer is gone
//   on_bytes(now)                      // whatever came
//   on_pong(now)                       // the answer to the last PING
//
// A quiet link needs no round trip. There a side that hears from the other within `every`, and one tenth more if it
// `yields`, sends no PING: one side pings, and the other's PINGs and answers tell it the same.
#pragma once

#include <optional>

#include "base/time.h"

namespace tenfold {

class Keepalive {
 public:
  Keepalive(Duration every, int missed, TimePoint now, bool yields = false)
      : every_(every), quiet_(yields ? every + every / 10 : every), missed_most_(missed), next_(now) {}

  enum class Act { nothing, ping, dead };

  // Call at deadline(), or any time after. `quiet`: nothing is carried now.
  Act on_time(TimePoint now, bool quiet = false);

  // The answer to the last PING came.
  void on_pong(TimePoint now);

  // Any byte from the peer: it lives, though its PONG may stand behind bulk.
  void on_bytes(TimePoint now) {
    heard_ = true;
    heard_at_ = now;
  }

  TimePoint deadline() const { return next_; }
  // Zero before the first answer. It falls at once and rises by a quarter at a time: an answer that stood behind bulk
  // tells of that queue, and windows that grew by it would make the queue longer.
  Duration rtt() const { return rtt_; }

 private:
  Duration every_;
  Duration quiet_;  // of a quiet link: how long after the last byte a PING is due
  int missed_most_;
  TimePoint next_;
  std::optional<TimePoint> sent_;  // when the PING that waits for its answer left
  bool heard_ = false;             // a sign of life since that PING
  TimePoint heard_at_{};           // ... and the last of these
  int missed_ = 0;                 // PINGs in a row without one
  Duration rtt_{};
};

}  // namespace tenfold
