#include "broker/admin/process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace tenfold::broker {
namespace {

// Its own descriptor is not counted, nor are `.` and `..`.
std::size_t count_fds() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::size_t count = 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  constexpr std::size_t others = 3;
  return count < others ? 0 : count - others;
}

double boot_seconds() {
  std::ifstream file("/proc/stat");
  std::string word;
  double seconds = 0;
  while (file >> word) {
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

}  // namespace

ProcessFigures read_process() {
  ProcessFigures figures;
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  // The program's name is in brackets, and may hold anything; fields are numbered from it on: 3 is the state.
  std::istringstream fields(text.substr(text.rfind(')') == std::string::npos ? 0 : text.rfind(')') + 1));
  std::string field;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  for (int number = 3; fields >> field; ++number) {
    if (number == 14 || number == 15) figures.cpu_seconds += std::stod(field) / ticks;
    if (number == 22) figures.start_seconds = boot_seconds() + std::stod(field) / ticks;
    if (number == 23) figures.virtual_bytes = std::stoull(field);
    if (number == 24) figures.resident_bytes = std::stoull(field) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    if (number == 24) break;
  }
  figures.open_fds = count_fds();
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) figures.max_fds = files.rlim_cur;
  return figures;
}

}  // namespace tenfold::broker
