// LineOutput: writes lines to a descriptor, stderr, stdout or a log file, and never waits for its reader. A pipe
// without a reader, a stopped terminal or a slow disk blocks write(2). O_NONBLOCK is not an option: it affects every
// process that shares the open file, including the shell. So whole lines wait in a bounded queue, and a thread writes
// them in order. Lines without room are dropped and counted, and one line reports the count.
//
//   LineOutput lines(STDERR_FILENO, dropped_log_line(format, STDERR_FILENO));
//   lines.write("listening");                      // on the loop's thread; never blocks
//   lines.flush();                                 // before _exit(2)
//
// write() and flush() belong to one thread, the owner's. Each write(2) has one line, or several up to PIPE_BUF bytes:
// lines of another process on the same pipe cannot split them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "base/limits.h"

namespace tenfold {

class LineOutput {
 public:
  // Makes the line that reports `count` dropped lines, without its line end. Called on the writer's thread.
  using DroppedLine = std::function<std::string(std::uint64_t count)>;

  // The part of the queue that a line may use: `reserved` is for the few lines that other lines must not displace.
  enum class Room : std::uint8_t { common, reserved };

  // `most`: bytes of lines that wait.
  LineOutput(int fd, DroppedLine dropped_line, std::size_t most = limits::output_queued);
  // Calls flush(). A writer that is stuck is abandoned and ends with the process.
  ~LineOutput();
  LineOutput(const LineOutput&) = delete;
  LineOutput& operator=(const LineOutput&) = delete;

  // `line` has no line end of its own; it may be several lines.
  void write(std::string_view line, Room room = Room::common);

  // Waits until everything is written, at most limits::output_flush_time, and only while the reader makes progress
  // (limits::output_stalled). Returns whether everything was written.
  bool flush();

  // Lines from here on, and those that wait, go to `fd`, which this object owns from now on. The former one is closed
  // if this object owned it. Does not wait.
  void switch_to(int fd);

  // Lines that were lost so far: no room, no space, no reader.
  std::uint64_t lost() const;

  int fd() const { return fd_; }

 private:
  class Writer;

  const int fd_;
  const std::shared_ptr<Writer> writer_;  // shared with its thread, which may be stuck and outlive this
  std::thread thread_;
};

}  // namespace tenfold
