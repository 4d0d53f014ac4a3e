// Process: a command under test, run by the shell in its own process group, with its output kept. It leaves nothing
// running: the group is killed with the Process, and the kernel kills the command when the suite dies. Its
// $XDG_STATE_HOME is a temporary folder, removed with it.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conformance/wire/deadline.h"

namespace tenfold::conformance {

// A folder for the state that a command keeps over restarts; removed with this object.
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
  // A command that cannot run shows as its exit code. `state`: for a command that is started again; null: a new folder.
  explicit Process(const std::string& command, std::shared_ptr<const StateHome> state = nullptr);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  bool running();
  // Its exit code (128 + the signal if it was killed), if it ended in time.
  std::optional<int> wait(Millis within);
  void signal(int number);  // to the command, not to its group
  void kill();              // the whole group, at once
  // stdout and stderr so far, together.
  std::string output() const;
  // The end of the output for people: a few printable lines, without stack traces.
  std::vector<std::string> last_lines() const;
  // Whether `text` appears in the output within this time.
  bool says(const std::string& text, Millis within);
  pid_t pid() const { return pid_; }

 private:
  const std::shared_ptr<const StateHome> state_;
  pid_t pid_ = -1;
  int output_ = -1;  // a file in memory
  std::optional<int> exit_;
};

// Joins lines.
std::string joined(const std::vector<std::string>& lines);

// Replaces each {key} by its value.
std::string fill_in(std::string command, const std::map<std::string, std::string>& values);

// When SIGINT, SIGTERM or SIGHUP ends the suite, all commands are killed as well. Call once, before the first thread is
// started.
void kill_commands_on_signals();

}  // namespace tenfold::conformance
