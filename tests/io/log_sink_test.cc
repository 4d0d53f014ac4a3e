// LogSink: how a line looks, and that text from afar cannot reach the terminal as it came.
#include "io/log_sink.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "support/test_certificate.h"

namespace tenfold {
namespace {

// Everything that goes to stderr while it lives.
class CapturedStderr {
 public:
  CapturedStderr() : saved_(::dup(2)) {
    path_ = directory_.write("stderr", "");
    const int file = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    ::dup2(file, 2);
    ::close(file);
  }
  ~CapturedStderr() { restore(); }

  std::string take() {
    restore();
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

 private:
  void restore() {
    if (saved_ < 0) return;
    ::dup2(saved_, 2);
    ::close(saved_);
    saved_ = -1;
  }
  test::TemporaryDirectory directory_;
  std::string path_;
  int saved_;
};

// A line without its time, which must stand at `at`.
std::string without_time(std::string line, std::size_t at = 0) {
  const std::string form = "0000-00-00T00:00:00.000Z";
  std::string time = line.substr(at, form.size());
  std::replace_if(
      time.begin(), time.end(), [](char c) { return c >= '1' && c <= '9'; }, '0');
  CHECK(time == form);
  return line.erase(at, form.size());
}

}  // namespace

TEST_CASE("a text line is the time, the level, the event and its fields") {
  CapturedStderr captured;
  LineOutput output(2, dropped_log_line(LogFormat::text, 2));
  const auto log = make_log_sink(output, LogFormat::text, LogLevel::info);
  log->debug("below the level");
  log->warn("reject",
            {{"reason", "bare-lf"}, {"bytes", 17}, {"detail", "a b"}, {"quote", "say \"hi\""}, {"empty", ""}});
  log->error("evil", {{"text", "\x1b[2J\nfake line"}});
  REQUIRE(output.flush());
  std::istringstream lines(captured.take());
  std::string line;
  REQUIRE(std::getline(lines, line));
  CHECK(without_time(line) ==
        " warn reject reason=bare-lf bytes=17 detail=\"a b\" quote=\"say \\\"hi\\\"\" empty=\"\"");
  REQUIRE(std::getline(lines, line));
  CHECK(without_time(line) == " error evil text=\"\\\\x1b[2J\\\\x0afake line\"");
  CHECK_FALSE(std::getline(lines, line));
}

TEST_CASE("a JSON line is one object, whatever is in it") {
  CapturedStderr captured;
  LineOutput output(2, dropped_log_line(LogFormat::json, 2));
  const auto log = make_log_sink(output, LogFormat::json, LogLevel::trace);
  log->info("request", {{"path", "/a\"b\\c\x01"}, {"status", 200}, {"name", "gr\xc3\xbc\xc3\x9f"}, {"raw", "\xff"}});
  log->trace("second");
  REQUIRE(output.flush());
  std::istringstream lines(captured.take());
  std::string line;
  REQUIRE(std::getline(lines, line));
  const auto first = nlohmann::json::parse(line);
  CHECK(without_time(first["time"]).empty());
  CHECK(first["level"] == "info");
  CHECK(first["event"] == "request");
  CHECK(first["path"] == "/a\"b\\c\\x01");
  CHECK(first["status"] == 200);
  CHECK(first["name"] == "gr\xc3\xbc\xc3\x9f");
  CHECK(first["raw"] == "\\xff");
  REQUIRE(std::getline(lines, line));
  CHECK(nlohmann::json::parse(line)["level"] == "trace");
  CHECK_FALSE(std::getline(lines, line));
}

TEST_CASE("dropped lines are an event of the log, in either format") {
  CHECK(without_time(dropped_log_line(LogFormat::text, 2)(7)) == " warn log-dropped n=7");
  const auto event = nlohmann::json::parse(dropped_log_line(LogFormat::json, 2)(12));
  CHECK(without_time(event["time"]).empty());
  CHECK(event["level"] == "warn");
  CHECK(event["event"] == "log-dropped");
  CHECK(event["n"] == 12);
}

TEST_CASE("the level has its colour on a terminal, and nowhere else") {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(::grantpt(master) == 0);
  REQUIRE(::unlockpt(master) == 0);
  const int terminal = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE(terminal >= 0);
  ::setenv("TERM", "xterm", 1);
  const auto line = dropped_log_line(LogFormat::text, terminal)(1);
  CHECK(without_time(line) == " \x1b[33m\x1b[1mwarn\x1b[m log-dropped n=1");
  ::setenv("NO_COLOR", "1", 1);
  CHECK(without_time(dropped_log_line(LogFormat::text, terminal)(1)) == " warn log-dropped n=1");
  ::unsetenv("NO_COLOR");
  CHECK(dropped_log_line(LogFormat::json, terminal)(1).find('\x1b') == std::string::npos);
  ::close(terminal);
  ::close(master);
}

TEST_CASE("levels and formats are known by their names, and nothing else is") {
  CHECK(*parse_log_level("trace") == LogLevel::trace);
  CHECK(*parse_log_level("warn") == LogLevel::warn);
  CHECK(*parse_log_level("off") == LogLevel::off);
  const auto level = parse_log_level("loud");
  REQUIRE_FALSE(level);
  CHECK(level.error().kind == ErrorKind::usage);
  CHECK(level.error().detail == "'loud' is no log level: trace, debug, info, warn, error or off");
  CHECK(*parse_log_format("json") == LogFormat::json);
  CHECK(*parse_log_format("text") == LogFormat::text);
  const auto format = parse_log_format("xml");
  REQUIRE_FALSE(format);
  CHECK(format.error().detail == "'xml' is no log format: text or json");
}

}  // namespace tenfold
