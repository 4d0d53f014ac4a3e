#include "agent/links/state_folder.h"

#include <sys/stat.h>

#include <cerrno>

namespace tenfold {

bool make_folders(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST && end == std::string::npos) return false;
    if (end == std::string::npos) return true;
  }
}

}  // namespace tenfold
