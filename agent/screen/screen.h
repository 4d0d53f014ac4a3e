// Screen: the output of Status and TunnelStatus. Lines for people go to stderr, except the URL and the requests, which
// go to stdout as in `lt`; with --json, stdout gets one object per line and stderr nothing. Owned by main().
#pragma once

#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"

namespace tenfold {

// The destination of the lines; each comes without its line end.
class StatusOutput {
 public:
  virtual void out(std::string_view line) = 0;  // stdout
  virtual void err(std::string_view line) = 0;  // stderr
  // To stdout, for the few lines that must not be dropped when a slow reader causes drops.
  virtual void out_kept(std::string_view line) { out(line); }

 protected:
  ~StatusOutput() = default;
};

class Screen {
 public:
  struct Style {
    bool json = false;
    bool colour = false;
  };
  using WallClock = std::function<std::time_t()>;
  enum class Tone { plain, good, bad };

  Screen(StatusOutput& output, Style style, WallClock clock)
      : output_(output), style_(style), clock_(std::move(clock)) {}

  bool json() const { return style_.json; }
  std::time_t now() const { return clock_(); }

  // To stderr, for people.
  void say(Tone tone, const std::string& line);
  // To stdout.
  void out(const std::string& line) { output_.out(line); }
  void out_kept(const std::string& line) { output_.out_kept(line); }

 private:
  StatusOutput& output_;
  const Style style_;
  const WallClock clock_;
};

// Text from a peer, made safe for a terminal.
std::string shown(std::string_view from_afar);

// For the fields of events.
std::int64_t milliseconds(Duration duration);

}  // namespace tenfold
