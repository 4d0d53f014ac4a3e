// RefusalCounts: how many tunnels were refused, by code: at the handshake, and on a link.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "mux/handshake.h"

namespace tenfold::broker {

class RefusalCounts {
 public:
  void add(handshake::Refusal refusal) { ++counts_[static_cast<std::size_t>(refusal)]; }
  std::uint64_t of(handshake::Refusal refusal) const { return counts_[static_cast<std::size_t>(refusal)]; }

 private:
  std::array<std::uint64_t, handshake::refusals> counts_{};
};

}  // namespace tenfold::broker
