// Log: one line per event: a name and fields. The core says what happened; the sink (io/log_sink) decides the format
// and the destination.
//
//   log.warn("reject", {{"reason", "bare-lf"}, {"peer", peer}});
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace tenfold {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, off };

struct LogField {
  std::string_view key;
  std::string_view text;  // the value, when not is_number
  std::int64_t number = 0;
  bool is_number = false;

  LogField(std::string_view k, std::string_view v) : key(k), text(v) {}
  LogField(std::string_view k, const char* v) : key(k), text(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), text(v) {}
  template <typename N>
  requires std::is_integral_v<N> LogField(std::string_view k, N v)
      : key(k), number(static_cast<std::int64_t>(v)), is_number(true) {}
};

using LogFields = std::initializer_list<LogField>;

class Log {
 public:
  virtual ~Log() = default;

  void set_level(LogLevel level) { level_ = level; }
  bool wants(LogLevel level) const { return level >= level_; }

  void trace(std::string_view event, LogFields fields = {}) { at(LogLevel::trace, event, fields); }
  void debug(std::string_view event, LogFields fields = {}) { at(LogLevel::debug, event, fields); }
  void info(std::string_view event, LogFields fields = {}) { at(LogLevel::info, event, fields); }
  void warn(std::string_view event, LogFields fields = {}) { at(LogLevel::warn, event, fields); }
  void error(std::string_view event, LogFields fields = {}) { at(LogLevel::error, event, fields); }
  void at(LogLevel level, std::string_view event, LogFields fields) {
    if (wants(level)) write(level, event, fields);
  }

 protected:
  // The sink escapes text from peers (printable()) before a terminal shows it.
  virtual void write(LogLevel level, std::string_view event, LogFields fields) = 0;

 private:
  LogLevel level_ = LogLevel::info;
};

// Escapes text from a peer for a terminal. Control characters (C1 and DEL included), characters that change the
// direction of text, zero-width characters and bytes that are not UTF-8 become \xNN. Reads at most `most` bytes of
// input.
std::string printable(std::string_view text, std::size_t most = 1024);

}  // namespace tenfold
