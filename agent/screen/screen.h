// Screen: where Status and TunnelStatus write. Lines for people go to stderr, but for the URL and the requests, which
// go to stdout as `lt` has them; with --json, stdout gets one object a line and stderr nothing. Owned by main().
#pragma once

#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/time.h"

namespace tenfold {

// Where the lines go; each comes without its line end.
class StatusOutput {
 public:
  virtual void out(std::string_view line) = 0;  // stdout
  virtual void err(std::string_view line) = 0;  // stderr
  // stdout, for the few lines that are kept where a slow reader makes others be dropped.
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

  // On stderr, for a person.
  void say(Tone tone, const std::string& line);
  // On stdout.
  void out(const std::string& line) { output_.out(line); }
  void out_kept(const std::string& line) { output_.out_kept(line); }

 private:
  StatusOutput& output_;
  const Style style_;
  const WallClock clock_;
};

// Text from the far side, as a terminal may show it.
std::string shown(std::string_view from_afar);

// For the fields of events.
std::int64_t milliseconds(Duration duration);

}  // namespace tenfold
