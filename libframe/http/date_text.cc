#include "http/date_text.h"

#include <cstdio>

namespace tenfold::http {

std::string_view DateText::at(std::time_t second) {
  constexpr std::size_t size = 29;  // "Sun, 06 Nov 1994 08:49:37 GMT"
  if (second == second_) return {text_.data(), size};
  second_ = second;
  std::tm when{};
  gmtime_r(&second, &when);
  // Not strftime, whose names are the locale's.
  constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::snprintf(text_.data(), text_.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                days[static_cast<std::size_t>(when.tm_wday)], when.tm_mday,
                months[static_cast<std::size_t>(when.tm_mon)], (when.tm_year + 1900) % 10000, when.tm_hour, when.tm_min,
                when.tm_sec);
  return {text_.data(), size};
}

}  // namespace tenfold::http
