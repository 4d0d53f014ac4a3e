// What the fuzz targets share: a check that no build leaves out, and a way to cut bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "base/bytes.h"

namespace tenfold::fuzz {

inline void require(bool held, const char* what) {
  if (held) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

// How to cut `total` bytes: the sizes of the pieces in turn.
inline std::vector<std::size_t> whole(std::size_t total) { return {total}; }
inline std::vector<std::size_t> single_bytes(std::size_t total) { return std::vector<std::size_t>(total, 1); }

// Pieces of 1 to 64 bytes that follow from `seed`.
inline std::vector<std::size_t> chopped(std::size_t total, std::uint32_t seed) {
  std::vector<std::size_t> sizes;
  while (total != 0) {
    seed = seed * 1664525 + 1013904223;
    const std::size_t size = std::min<std::size_t>(total, 1 + (seed >> 26));
    sizes.push_back(size);
    total -= size;
  }
  return sizes;
}

}  // namespace tenfold::fuzz
