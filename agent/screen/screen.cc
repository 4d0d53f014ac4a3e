#include "agent/screen/screen.h"

#include <chrono>

#include "base/limits.h"
#include "base/log.h"

namespace tenfold {

void Screen::say(Tone tone, const std::string& line) {
  if (!style_.colour || tone == Tone::plain) return output_.err(line);
  output_.err((tone == Tone::good ? "\x1b[32m" : "\x1b[33m") + line + "\x1b[0m");
}

std::string shown(std::string_view from_afar) { return printable(from_afar, limits::request_line_bytes); }

std::int64_t milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace tenfold
