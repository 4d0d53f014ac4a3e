// What the system says of this process, as of now. Linux: proc(5).
#pragma once

#include <cstddef>
#include <cstdint>

namespace tenfold::broker {

struct ProcessFigures {
  double cpu_seconds = 0;
  double start_seconds = 0;  // since the epoch
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::size_t open_fds = 0;
  std::size_t max_fds = 0;
};
ProcessFigures read_process();

}  // namespace tenfold::broker
