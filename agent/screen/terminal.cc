#include "agent/screen/terminal.h"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "io/log_sink.h"
#include "io/standard_streams.h"

namespace tenfold {
namespace {

// With --json a program reads events on stdout, not the log.
LineOutput::DroppedLine dropped_line(int fd, bool json) {
  if (!json || (fd == STDERR_FILENO && !same_file(STDOUT_FILENO, fd))) {
    return dropped_log_line(json ? LogFormat::json : LogFormat::text, fd);
  }
  return [](std::uint64_t count) { return R"({"event":"dropped","n":)" + std::to_string(count) + '}'; };
}

}  // namespace

Terminal::Terminal(bool json) : err_(STDERR_FILENO, dropped_line(STDERR_FILENO, json)) {
  if (!same_file(STDOUT_FILENO, STDERR_FILENO)) own_out_.emplace(STDOUT_FILENO, dropped_line(STDOUT_FILENO, json));
}

void Terminal::out(std::string_view line) { out_lines().write(line); }
void Terminal::out_kept(std::string_view line) { out_lines().write(line, LineOutput::Room::reserved); }
void Terminal::err(std::string_view line) { err_.write(line); }

void Terminal::flush() {
  if (own_out_) own_out_->flush();
  err_.flush();
}

bool wants_colour() {
  const char* no_colour = std::getenv("NO_COLOR");
  return isatty(STDERR_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace tenfold
