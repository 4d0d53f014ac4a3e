// The project's version, from the one place that has it: CMakeLists.txt.
#pragma once

namespace tenfold {

inline constexpr const char* version = TENFOLD_VERSION;

}  // namespace tenfold
