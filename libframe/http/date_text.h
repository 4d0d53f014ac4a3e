// DateText: the text of the Date field, RFC 9110 5.6.7. Formatted once a second, so an answer costs one clock read.
#pragma once

#include <array>
#include <chrono>
#include <ctime>
#include <string_view>

namespace tenfold::http {

class DateText {
 public:
  // Valid until the next call.
  std::string_view now() { return at(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())); }
  std::string_view at(std::time_t second);

 private:
  std::time_t second_ = -1;
  std::array<char, 30> text_{};
};

}  // namespace tenfold::http
