// WindowGrowth: detects that a stream's receive window is too small for its path. Credit returns in halves of a window,
// so a sender that is limited by the window drains it within two round trips at worst; half a round trip is added for
// transmission, and a share for the two hosts. A window that drains within that time doubles. One that drains more
// slowly is large enough: the path, the sender or the holder is the slow part. Whole windows are timed, because bytes
// come in bursts: the two halves of a window may arrive together and the next ones a round trip later. Pure: time is an
// argument.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace tenfold {

class WindowGrowth {
 public:
  WindowGrowth(std::uint32_t window, TimePoint now) : since_(now), start_(window), window_(window) {}

  // The inputs besides the stream's own state.
  struct Around {
    Duration rtt;          // zero: unknown, so nothing grows
    std::size_t waiting;   // delivered bytes of this stream that its holder has not released
    std::size_t budget;    // how much the link lets this window grow
    std::uint32_t known;   // the largest window that this path needed before: a growing window jumps to it
    std::uint32_t most;    // the largest window
    bool company = false;  // other streams received data recently
  };

  // `n` bytes were credited. Returns the growth of the window: mostly 0.
  std::uint32_t on_credit(std::size_t n, TimePoint now, const Around& around);

  std::uint32_t window() const { return window_; }

  // How much of the window the sender may use now. A window larger than a short path needs keeps two busy hosts at
  // work, but it is also a queue: when other streams would wait behind it, only the starting window is granted.
  std::uint32_t grant(Duration rtt, bool company) const;

  // How much credit one WINDOW_UPDATE returns. On a long path the sender waits while credit is gathered, so a large
  // window uses a small fraction; for a small window frames would cost more than they bring.
  static std::uint32_t returned_at_once(std::uint32_t window) { return window > small ? window / 8 : window / 2; }

 private:
  static constexpr std::uint32_t small = 1 << 20;
  static constexpr Duration hosts_share = 250us;  // what two busy hosts add to the round trip
  static constexpr Duration short_path = 1ms;     // on shorter paths a starting window carries gigabits
  static constexpr std::size_t all = static_cast<std::size_t>(-1);

  TimePoint since_;                  // the time when drained_ was 0
  std::uint32_t start_;              // bytes
  std::uint32_t window_;             // bytes
  std::size_t drained_ = 0;          // bytes credited since then
  std::size_t least_waiting_ = all;  // ... and the least that its holder had in that time
};

}  // namespace tenfold
