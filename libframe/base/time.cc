#include "base/time.h"

#include <charconv>

namespace tenfold {

Result<Duration> parse_duration(std::string_view text) {
  const Error bad{ErrorKind::usage, "must be a time, as 90, 90s, 5m, 2h or 500ms, and at most 30 days"};
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  if (error != std::errc{}) return bad;
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  double seconds = 0;
  if (unit.empty() || unit == "s") {
    seconds = number;
  } else if (unit == "ms") {
    seconds = number / 1000;
  } else if (unit == "m" || unit == "min") {
    seconds = number * 60;
  } else if (unit == "h") {
    seconds = number * 3600;
  } else {
    return bad;
  }
  constexpr double most = 30.0 * 24 * 3600;
  if (!(seconds >= 0.001) || seconds > most) return bad;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

std::string in_seconds(Duration duration) {
  const auto tenths = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count() / 100;
  const std::string whole = std::to_string(tenths / 10);
  return tenths >= 100 || tenths % 10 == 0 ? whole + " s" : whole + '.' + std::to_string(tenths % 10) + " s";
}

}  // namespace tenfold
