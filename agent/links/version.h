// The project's version, defined in CMakeLists.txt.
#pragma once

namespace tenfold {

inline constexpr const char* version = TENFOLD_VERSION;

}  // namespace tenfold
