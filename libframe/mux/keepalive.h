// Keepalive: when to send a PING, and when to give the peer up. Pure: time is an argument.
#pragma once

#include <optional>

#include "base/time.h"

namespace tenfold {

class Keepalive {
 public:
  Keepalive(Duration every, int missed, TimePoint now) : every_(every), missed_most_(missed), next_(now + every) {}

  enum class Act { nothing, ping, dead };

  // Call at deadline(), or any time after.
  Act on_time(TimePoint now);

  // The answer to the last PING came.
  void on_pong(TimePoint now);

  // Any byte from the peer: it lives, though its PONG may stand behind bulk.
  void on_bytes(TimePoint now);

  TimePoint deadline() const { return next_; }
  Duration rtt() const { return rtt_; }

 private:
  Duration every_;
  int missed_most_;
  TimePoint next_;
  std::optional<TimePoint> sent_;  // when the PING without an answer left
  int missed_ = 0;                 // turns without a sign of life since then
  Duration rtt_{};
};

}  // namespace tenfold
