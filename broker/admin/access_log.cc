#include "broker/admin/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <utility>

#include "broker/rules.h"

namespace tenfold::broker {
namespace {

constexpr mode_t file_mode = 0640;  // its group may read it

// The line in the place of those that are missing.
std::string dropped_line(std::uint64_t count) { return R"({"event":"dropped","n":)" + std::to_string(count) + "}"; }

// Non-blocking: to open a FIFO that nobody reads is an error, and no wait.
Result<int> open_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, file_mode);
  if (fd < 0) return Error{ErrorKind::io, path + ": " + system_reason(errno)};
  return fd;
}

}  // namespace

Result<std::unique_ptr<AccessLogFile>> AccessLogFile::open(Runtime& runtime, const std::string& path, bool query) {
  int fd = STDOUT_FILENO;
  if (path != "-") {
    const Result<int> opened = open_file(path);
    if (!opened) return opened.error();
    fd = *opened;
  }
  return std::unique_ptr<AccessLogFile>(new AccessLogFile(runtime, path, query, fd, path != "-"));
}

AccessLogFile::AccessLogFile(Runtime& runtime, std::string path, bool query, int fd, bool owns_fd)
    : runtime_(runtime),
      path_(std::move(path)),
      query_(query),
      lines_(STDOUT_FILENO, dropped_line, rules::access_queued),
      batch_(std::make_unique<char[]>(rules::access_batch + access_line_most)) {
  if (owns_fd) lines_.switch_to(fd);
}

AccessLogFile::~AccessLogFile() { flush(); }

void AccessLogFile::add(const RequestRecord& record) {
  if (record.ended - second_began_ >= 1s) note_second(record.ended);
  const auto millisecond = static_cast<unsigned>((record.ended - second_began_) / 1ms);
  char* const begin = batch_.get() + used_;
  const std::string_view second(second_.data(), second_.size() - 1);
  const char* const end = write_access_line(begin, record, second, millisecond, query_);
  used_ += static_cast<std::size_t>(end - begin);
  if (used_ >= rules::access_batch) return hand_over();
  if (!hand_over_.armed()) runtime_.timers.arm_in(hand_over_, rules::access_delay);
}

// The wall clock is read once a second: it may jump.
void AccessLogFile::note_second(TimePoint now) {
  const auto wall = std::chrono::system_clock::now();
  const auto whole = std::chrono::floor<std::chrono::seconds>(wall);
  second_began_ = now - std::chrono::duration_cast<Duration>(wall - whole);
  const std::time_t time = std::chrono::system_clock::to_time_t(whole);
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::strftime(second_.data(), second_.size(), "%Y-%m-%dT%H:%M:%S", &parts);
}

void AccessLogFile::hand_over() {
  if (used_ == 0) return;
  lines_.write({batch_.get(), used_ - 1});  // it adds the last line end itself
  used_ = 0;
  if (dropped() != reported_ && !report_.armed()) report_dropped();
}

// At once, then once a minute while lines are dropped.
void AccessLogFile::report_dropped() {
  const std::uint64_t lost = dropped();
  if (lost == reported_) return;
  runtime_.log.warn("access-log-dropped", {{"n", lost - reported_}, {"file", path_}});
  reported_ = lost;
  runtime_.timers.arm_in(report_, rules::access_report);
}

Error AccessLogFile::reopen() {
  if (path_ == "-") return {};
  const Result<int> opened = open_file(path_);
  if (!opened) return opened.error();
  hand_over();
  lines_.switch_to(*opened);
  return {};
}

void AccessLogFile::flush() {
  hand_over();
  lines_.flush();
}

}  // namespace tenfold::broker
