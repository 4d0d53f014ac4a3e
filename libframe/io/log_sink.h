// LogSink: where log lines go: stderr, by spdlog, as text or as one JSON object a line.
// Every value goes through printable(). Only this folder includes spdlog.
#pragma once

#include <memory>

#include "base/log.h"
#include "base/result.h"

namespace tenfold {

enum class LogFormat { text, json };

// Text: `TIME level event key=value key="with space"`, the level coloured when stderr is a terminal
// and NO_COLOR is not set. JSON: {"time":…,"level":…,"event":…,"key":…}.
std::unique_ptr<Log> make_log_sink(LogFormat format, LogLevel level);

Result<LogLevel> parse_log_level(std::string_view text);
Result<LogFormat> parse_log_format(std::string_view text);

}  // namespace tenfold
