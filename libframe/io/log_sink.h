// LogSink: formats log lines with spdlog, as text or as one JSON object per line. They go to a LineOutput, so that a
// reader of the log delays nothing. Every value goes through printable(). Only this folder includes spdlog.
#pragma once

#include <memory>

#include "base/log.h"
#include "base/result.h"
#include "io/line_output.h"

namespace tenfold {

enum class LogFormat { text, json };

// Text: `TIME level event key=value key="with space"`; the level is coloured if `output` is a terminal and NO_COLOR is
// not set. JSON: {"time":…,"level":…,"event":…,"key":…}.
std::unique_ptr<Log> make_log_sink(LineOutput& output, LogFormat format, LogLevel level);

// The line in which a LineOutput to `fd` reports dropped lines: the event `log-dropped` with their number, `n`.
LineOutput::DroppedLine dropped_log_line(LogFormat format, int fd);

Result<LogLevel> parse_log_level(std::string_view text);
Result<LogFormat> parse_log_format(std::string_view text);

}  // namespace tenfold
