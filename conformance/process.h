// Process: a command under test, run by the shell in a process group of its own, its output kept. Nothing of it
// outlives the Process: the group is killed with it, and the kernel kills the command when the suite dies. What it
// keeps in $XDG_STATE_HOME is the suite's as well: a folder of its own, removed with it.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conformance/wire/deadline.h"

namespace tenfold::conformance {

// A folder for what a command keeps over restarts, gone with this object.
class StateHome {
 public:
  StateHome();
  ~StateHome();
  StateHome(const StateHome&) = delete;
  StateHome& operator=(const StateHome&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Process {
 public:
  // Errors of the command itself show as its exit. `state`: for a command that is started again; null: its own.
  explicit Process(const std::string& command, std::shared_ptr<const StateHome> state = nullptr);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool running();
  // Its exit code (128 + the signal when it was killed), once it ended in time.
  std::optional<int> wait(Millis within);
  void signal(int number);  // to the command, not to its group
  void kill();              // the whole group, at once
  // stdout and stderr so far, in one.
  std::string output() const;
  // The end of it for people: a few lines, printable, without the frames of a stack trace.
  std::vector<std::string> last_lines() const;
  // Whether `text` shows up in the output.
  bool says(const std::string& text, Millis within);
  pid_t pid() const { return pid_; }

 private:
  const std::shared_ptr<const StateHome> state_;
  pid_t pid_ = -1;
  int output_ = -1;  // a file in memory
  std::optional<int> exit_;
};

// Lines as one.
std::string joined(const std::vector<std::string>& lines);

// {key} is replaced by its value.
std::string fill_in(std::string command, const std::map<std::string, std::string>& values);

// The suite's own end by SIGINT, SIGTERM or SIGHUP takes every command with it. Call once, before any thread is
// started.
void kill_commands_on_signals();

}  // namespace tenfold::conformance
