// LineOutput: lines for a descriptor that the process was given, stderr or stdout, without ever waiting for its reader.
// A pipe that nobody reads, a stopped terminal or a slow disk blocks write(2), and O_NONBLOCK is no remedy: it would
// hold for everyone who shares the open file, the shell included. So whole lines wait in a bounded queue, and a thread
// of its own writes them, in their order. What finds no room is dropped and counted, and one line reports it.
//
//   LineOutput lines(STDERR_FILENO, dropped_log_line(format, STDERR_FILENO));
//   lines.write("listening");                      // on the loop's thread; never blocks
//   lines.flush();                                 // before _exit(2)
//
// write() and flush() belong to one thread, the owner's. A line is one write(2), or shares it with others up to
// PIPE_BUF bytes: another process that writes to the same pipe cannot come in between.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace tenfold {

class LineOutput {
 public:
  // The line that reports `count` dropped lines, without its line end. Called on the writer's thread.
  using DroppedLine = std::function<std::string(std::uint64_t count)>;

  // Which part of the queue a line may take: `reserved` is for the few lines that must not be crowded out by many
  // others.
  enum class Room : std::uint8_t { common, reserved };

  LineOutput(int fd, DroppedLine dropped_line);
  // flush(); a writer that is stuck is left behind, and ends with the process.
  ~LineOutput();
  LineOutput(const LineOutput&) = delete;
  LineOutput& operator=(const LineOutput&) = delete;

  // `line` comes without its line end.
  void write(std::string_view line, Room room = Room::common);

  // Waits until everything is written, as long as the reader takes something now and then (limits::output_stalled) and
  // limits::output_flush_time at most. Returns whether it is.
  bool flush();

  int fd() const { return fd_; }

 private:
  class Writer;

  const int fd_;
  const std::shared_ptr<Writer> writer_;  // shared with its thread, which may be stuck and outlive this
  std::thread thread_;
};

}  // namespace tenfold
