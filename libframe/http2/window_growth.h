// WindowGrowth: when a stream's receive window is too small for its path. Credit goes back in halves of a window, so a
// sender that it holds back drains it within two round trips, if it comes to the worst; with that, half a one for its
// bytes to pass and what two hosts need for their own part, it doubles. One that drains more slowly is large enough,
// for the path, the sender or the holder is the slow part. Whole windows are timed, because the bytes of one come in
// bursts: the halves of a window may come together and then a whole round trip apart. Pure: time is an argument.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace tenfold {

class WindowGrowth {
 public:
  WindowGrowth(std::uint32_t window, TimePoint now) : since_(now), start_(window), window_(window) {}

  // What the growth of one stream depends on besides itself.
  struct Around {
    Duration rtt;          // zero: not known yet, so nothing grows
    std::size_t waiting;   // delivered bytes of this stream that its holder still has
    std::size_t budget;    // by how much the link lets this window grow
    std::uint32_t known;   // the largest window that this path needed before: one that grows is as large at once
    std::uint32_t most;    // where windows stop growing
    bool company = false;  // other streams were heard just now
  };

  // `n` bytes were credited. Returns by how much the window grew: 0 nearly always.
  std::uint32_t on_credit(std::size_t n, TimePoint now, const Around& around);

  std::uint32_t window() const { return window_; }

  // So much of the window may be the sender's now. What is more than a short path needs keeps two busy hosts at work,
  // but it is a queue as well: in company, with other streams whose bytes would stand behind it, nothing beyond the
  // starting window is given.
  std::uint32_t grant(Duration rtt, bool company) const;

  // So much credit goes back in one WINDOW_UPDATE. A sender on a long path stands still while that is gathered, so
  // of a grown window it is a small part; a small one is not worth the frames.
  static std::uint32_t returned_at_once(std::uint32_t window) { return window > small ? window / 8 : window / 2; }

 private:
  static constexpr std::uint32_t small = 1 << 20;
  static constexpr Duration hosts_share = 250us;  // what two busy hosts add to the path's round trip
  static constexpr Duration short_path = 1ms;     // on a shorter one a starting window carries gigabits
  static constexpr std::size_t all = static_cast<std::size_t>(-1);

  TimePoint since_;                  // when drained_ was 0
  std::uint32_t start_;              // bytes
  std::uint32_t window_;             // bytes
  std::size_t drained_ = 0;          // bytes credited since then
  std::size_t least_waiting_ = all;  // ... and what its holder had left at the best of times
};

}  // namespace tenfold
