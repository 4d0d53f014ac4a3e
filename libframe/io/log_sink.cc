#include "io/log_sink.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>

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

// The level by the name that --log-level takes.
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

// Of text that went through printable(): what is left to guard are the quotes themselves.
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

class LogSink final : public Log {
 public:
  LogSink(LogFormat format, LogLevel level)
      : format_(format), logger_("tenfold", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()) {
    const bool colour = format == LogFormat::text && std::getenv("NO_COLOR") == nullptr;
    auto& sink = static_cast<spdlog::sinks::stderr_color_sink_mt&>(*logger_.sinks().front());
    sink.set_color_mode(colour ? spdlog::color_mode::automatic : spdlog::color_mode::never);
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<LevelName>('*').set_pattern(format == LogFormat::text
                                                        ? "%Y-%m-%dT%H:%M:%S.%eZ %^%*%$ %v"
                                                        : R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%*",%v})");
    logger_.set_formatter(std::move(formatter));
    // Which lines are wanted is decided before they are made, by Log.
    logger_.set_level(spdlog::level::trace);
    set_level(level);
  }

 private:
  void write(LogLevel level, std::string_view event, LogFields fields) override {
    std::string line;
    if (format_ == LogFormat::text) {
      line = printable(event);
      for (const LogField& field : fields) append_text(line, field);
    } else {
      line = "\"event\":";
      append_quoted(line, printable(event));
      for (const LogField& field : fields) append_json(line, field);
    }
    logger_.log(spdlog_level(level), line);
  }

  LogFormat format_;
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<Log> make_log_sink(LogFormat format, LogLevel level) {
  return std::make_unique<LogSink>(format, level);
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
