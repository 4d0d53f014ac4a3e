// Commands under test: see process.h.
#include "conformance/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

#include "conformance/report.h"

namespace tenfold::conformance {
namespace {

// The groups that are running. One of two variables that all threads of the suite share (the other is in expect.cc).
struct Groups {
  std::mutex mutex;
  std::set<pid_t> leaders;
};
Groups& groups() {
  static Groups instance;
  return instance;
}

}  // namespace

StateHome::StateHome() : path_((std::filesystem::temp_directory_path() / "conformance-state-XXXXXX").string()) {
  if (mkdtemp(path_.data()) == nullptr) fail("no folder for a command's state: " + path_);
}

StateHome::~StateHome() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Process::Process(const std::string& command, std::shared_ptr<const StateHome> state)
    : state_(state != nullptr ? std::move(state) : std::make_shared<const StateHome>()),
      output_(memfd_create("output", MFD_CLOEXEC)) {
  const std::string line = "export XDG_STATE_HOME='" + state_->path() + "'; exec " + command;
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) fail("fork failed");
  if (pid_ == 0) {
    // Between fork and exec, a program with threads may only use async-signal-safe functions.
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    dup2(nothing, STDIN_FILENO);
    dup2(output_, STDOUT_FILENO);
    dup2(output_, STDERR_FILENO);
    execl("/bin/sh", "sh", "-c", line.c_str(), static_cast<char*>(nullptr));
    _exit(127);
  }
  setpgid(pid_, pid_);
  ::close(nothing);
  const std::lock_guard lock(groups().mutex);
  groups().leaders.insert(pid_);
}

Process::~Process() {
  kill();
  wait(10s);
  {
    const std::lock_guard lock(groups().mutex);
    groups().leaders.erase(pid_);
  }
  ::close(output_);
}

std::optional<int> Process::wait(Millis within) {
  const Deadline deadline = in(within);
  while (!exit_) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else if (Clock::now() >= deadline) {
      break;
    } else {
      std::this_thread::sleep_for(10ms);
    }
  }
  return exit_;
}

bool Process::running() { return !wait(0ms).has_value(); }

void Process::signal(int number) {
  if (running()) ::kill(pid_, number);
}

void Process::kill() { ::kill(-pid_, SIGKILL); }

std::string Process::output() const {
  std::string out;
  char piece[4096];
  ssize_t n = 0;
  while ((n = pread(output_, piece, sizeof piece, static_cast<off_t>(out.size()))) > 0) {
    out.append(piece, static_cast<std::size_t>(n));
  }
  return out;
}

std::vector<std::string> Process::last_lines() const {
  constexpr std::size_t most_lines = 6, most_bytes = 200;
  std::vector<std::string> lines;
  std::istringstream in(output());
  for (std::string line; std::getline(in, line);) {
    line = printable(line.substr(0, most_bytes));
    const std::size_t begin = line.find_first_not_of(" .");  // a tab is printed as a dot
    if (begin == std::string::npos || line.compare(begin, 3, "at ") == 0) continue;
    lines.push_back(line);
    if (lines.size() > most_lines) lines.erase(lines.begin());
  }
  return lines;
}

bool Process::says(const std::string& text, Millis within) {
  const Deadline deadline = in(within);
  for (;;) {
    const bool last = !running();
    if (output().find(text) != std::string::npos) return true;
    if (last || Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(10ms);
  }
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : " / ") + line;
  return out;
}

std::string fill_in(std::string command, const std::map<std::string, std::string>& values) {
  for (const auto& [key, value] : values) {
    const std::string hole = "{" + key + "}";
    for (std::size_t at = 0; (at = command.find(hole, at)) != std::string::npos; at += value.size()) {
      command.replace(at, hole.size(), value);
    }
  }
  return command;
}

void kill_commands_on_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    int number = 0;
    sigwait(&signals, &number);
    const std::lock_guard lock(groups().mutex);
    for (const pid_t leader : groups().leaders) ::kill(-leader, SIGKILL);
    _exit(128 + number);
  }).detach();
}

}  // namespace tenfold::conformance
