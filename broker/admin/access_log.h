// AccessLogFile: one line of JSON for each request, to a file or to stdout. It never holds the loop up: lines are
// gathered for rules::access_delay, and a thread writes them (io/line_output.h). What it cannot write, because the disk
// is full or nobody reads, is dropped and counted; the log says so once a minute, and a line in its place when there is
// room again.
//
//   auto file = AccessLogFile::open(runtime, "access.log", true);
//   if (!file) return file.error();
//   (*file)->add(record);
//   (*file)->reopen();          // the file was renamed
//
// Owned by the broker, on the loop's thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/runtime.h"
#include "broker/admin/access_line.h"
#include "broker/desk/request_log.h"
#include "io/line_output.h"

namespace tenfold::broker {

class AccessLogFile final : public AccessLog {
 public:
  // `path`: "-" for stdout. The file is made if need be, with mode 0640, and appended to. Errors (io) say why it cannot
  // be opened.
  static Result<std::unique_ptr<AccessLogFile>> open(Runtime& runtime, const std::string& path, bool query);
  ~AccessLogFile();

  void add(const RequestRecord& record) override;

  // Opens the path again, and goes on there. If that fails the lines go on where they went. Nothing on stdout.
  Error reopen();

  // Gives what is gathered to the writer, and waits for it: LineOutput::flush(). At the process's end.
  void flush();

  // Lines that could not be written.
  std::uint64_t dropped() const { return lines_.lost(); }

 private:
  AccessLogFile(Runtime& runtime, std::string path, bool query, int fd, bool owns_fd);
  void note_second(TimePoint now);
  void hand_over();
  void report_dropped();

  Runtime& runtime_;
  const std::string path_;
  const bool query_;
  LineOutput lines_;
  const std::unique_ptr<char[]> batch_;  // rules::access_batch, and one line more
  std::size_t used_ = 0;                 // bytes of it
  TimePoint second_began_{};
  std::array<char, 20> second_{};  // its text
  std::uint64_t reported_ = 0;     // of dropped()
  MemberTimer<AccessLogFile, &AccessLogFile::hand_over> hand_over_{*this};
  MemberTimer<AccessLogFile, &AccessLogFile::report_dropped> report_{*this};
};

}  // namespace tenfold::broker
