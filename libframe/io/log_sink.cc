#include "io/log_sink.h"

#include <spdlog/details/log_msg.h>
#include <spdlog/details/os.h>
#include <spdlog/pattern_formatter.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace tenfold {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::trace: return spdlog::level::trace;
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: return spdlog::level::err;
    case LogLevel::off: return spdlog::level::off;
  }
  return spdlog::level::info;
}

// The level by its --log-level name.
class LevelName final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string_view name = message.level == spdlog::level::warn  ? "warn"
                                  : message.level == spdlog::level::err ? "error"
                                                                        : to_view(message.level);
    out.append(name.data(), name.data() + name.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<LevelName>(); }

 private:
  static std::string_view to_view(spdlog::level::level_enum level) {
    const auto name = spdlog::level::to_string_view(level);
    return {name.data(), name.size()};
  }
};

// For text that went through printable(): only quotes are left to escape.
void append_quoted(std::string& line, std::string_view text) {
  line += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') line += '\\';
    line += c;
  }
  line += '"';
}

void append_text(std::string& line, const LogField& field) {
  line += ' ';
  line += field.key;
  line += '=';
  if (field.is_number) {
    line += std::to_string(field.number);
    return;
  }
  const std::string value = printable(field.text);
  if (value.empty() || value.find_first_of(" \"=") != std::string::npos) {
    append_quoted(line, value);
  } else {
    line += value;
  }
}

void append_json(std::string& line, const LogField& field) {
  line += ',';
  append_quoted(line, printable(field.key));
  line += ':';
  if (field.is_number) {
    line += std::to_string(field.number);
  } else {
    append_quoted(line, printable(field.text));
  }
}

// The colours of spdlog's own terminal sinks.
std::string_view colour_of(LogLevel level) {
  switch (level) {
    case LogLevel::trace: return "\x1b[37m";
    case LogLevel::debug: return "\x1b[36m";
    case LogLevel::info: return "\x1b[32m";
    case LogLevel::warn: return "\x1b[33m\x1b[1m";
    case LogLevel::error: return "\x1b[31m\x1b[1m";
    case LogLevel::off: break;
  }
  return {};
}
constexpr std::string_view colour_ends = "\x1b[m";

bool has_colours(int fd) { return ::isatty(fd) == 1 && spdlog::details::os::is_color_terminal(); }

// Formats lines, without their ends. For one thread.
class LineFormat {
 public:
  LineFormat(LogFormat format, int fd)
      : format_(format),
        coloured_(format == LogFormat::text && std::getenv("NO_COLOR") == nullptr && has_colours(fd)),
        pattern_(spdlog::pattern_time_type::utc, "") {
    pattern_.add_flag<LevelName>('*').set_pattern(format == LogFormat::text
                                                      ? "%Y-%m-%dT%H:%M:%S.%eZ %^%*%$ %v"
                                                      : R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%*",%v})");
  }

  // Valid until the next call.
  std::string_view line(LogLevel level, std::string_view event, LogFields fields) {
    if (format_ == LogFormat::text) {
      body_ = printable(event);
      for (const LogField& field : fields) append_text(body_, field);
    } else {
      body_ = "\"event\":";
      append_quoted(body_, printable(event));
      for (const LogField& field : fields) append_json(body_, field);
    }
    const spdlog::details::log_msg message({}, spdlog_level(level), body_);
    made_.clear();
    pattern_.format(message, made_);
    const std::string_view plain(made_.data(), made_.size());
    if (!coloured_) return plain;
    body_ = plain.substr(0, message.color_range_start);
    body_ += colour_of(level);
    body_ += plain.substr(message.color_range_start, message.color_range_end - message.color_range_start);
    body_ += colour_ends;
    body_ += plain.substr(message.color_range_end);
    return body_;
  }

 private:
  const LogFormat format_;
  const bool coloured_;
  spdlog::pattern_formatter pattern_;
  std::string body_;  // the buffer for the event and its fields, reused by the next line
  spdlog::memory_buf_t made_;
};

class LogSink final : public Log {
 public:
  LogSink(LineOutput& output, LogFormat format, LogLevel level) : output_(output), format_(format, output.fd()) {
    set_level(level);
  }

 private:
  void write(LogLevel level, std::string_view event, LogFields fields) override {
    output_.write(format_.line(level, event, fields));
  }

  LineOutput& output_;
  LineFormat format_;
};

}  // namespace

std::unique_ptr<Log> make_log_sink(LineOutput& output, LogFormat format, LogLevel level) {
  return std::make_unique<LogSink>(output, format, level);
}

LineOutput::DroppedLine dropped_log_line(LogFormat format, int fd) {
  const auto lines = std::make_shared<LineFormat>(format, fd);  // std::function copies its target
  return [lines](std::uint64_t count) {
    return std::string(lines->line(LogLevel::warn, "log-dropped", {{"n", count}}));
  };
}

Result<LogLevel> parse_log_level(std::string_view text) {
  constexpr LogLevel levels[] = {LogLevel::trace, LogLevel::debug, LogLevel::info,
                                 LogLevel::warn,  LogLevel::error, LogLevel::off};
  constexpr std::string_view names[] = {"trace", "debug", "info", "warn", "error", "off"};
  for (std::size_t i = 0; i < std::size(names); ++i) {
    if (text == names[i]) return levels[i];
  }
  return Error{ErrorKind::usage,
               "'" + printable(text, 100) + "' is no log level: trace, debug, info, warn, error or off"};
}

Result<LogFormat> parse_log_format(std::string_view text) {
  if (text == "text") return LogFormat::text;
  if (text == "json") return LogFormat::json;
  return Error{ErrorKind::usage, "'" + printable(text, 100) + "' is no log format: text or json"};
}

}  // namespace tenfold
