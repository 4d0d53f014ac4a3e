// The ways to cut bytes under which a reader must not change its mind.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace tenfold::test {

struct Cut {
  std::string name;                // for a failing test's message
  std::vector<std::size_t> sizes;  // of the pieces, their sum the whole
};

// Whole, byte by byte, in two at every place of a short text, and chopped at random a few times.
inline std::vector<Cut> cuts(std::size_t total) {
  std::vector<Cut> all{{"whole", {total}}, {"byte by byte", std::vector<std::size_t>(total, 1)}};
  if (total <= 256) {
    for (std::size_t i = 1; i < total; ++i) all.push_back({"in two at " + std::to_string(i), {i, total - i}});
  }
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {
    Cut cut{"chopped with seed " + std::to_string(seed), {}};
    std::mt19937 random(seed);
    for (std::size_t left = total; left != 0; left -= cut.sizes.back()) {
      cut.sizes.push_back(std::min<std::size_t>(left, 1 + random() % (seed * 40)));
    }
    all.push_back(std::move(cut));
  }
  return all;
}

// Calls `each(piece)` until it returns false. Each piece is in memory of its own, which is gone
// after the call, so that a view that is kept too long is found by a sanitizer.
template <typename Each>
void for_each_piece(std::string_view text, const Cut& cut, Each each) {
  std::size_t at = 0;
  for (const std::size_t size : cut.sizes) {
    const std::vector<char> piece(text.begin() + static_cast<std::ptrdiff_t>(at),
                                  text.begin() + static_cast<std::ptrdiff_t>(at + size));
    if (!each(to_bytes({piece.data(), piece.size()}))) return;
    at += size;
  }
}

}  // namespace tenfold::test
