#include "agent/terminal.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace tenfold {
namespace {

// Each line at once, also into a pipe: whoever reads it waits for the URL.
void write_line(std::FILE* file, std::string_view line) {
  const std::string whole = std::string(line) + '\n';
  std::fwrite(whole.data(), 1, whole.size(), file);
  std::fflush(file);
}

}  // namespace

void Terminal::out(std::string_view line) { write_line(stdout, line); }
void Terminal::err(std::string_view line) { write_line(stderr, line); }

bool wants_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  return isatty(STDERR_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace tenfold
