// Status: what a person at the terminal sees, or the program that reads --json. Lines for people go
// to stderr, but for the URL and the requests, which go to stdout as `lt` has them; with --json, stdout gets one object
// a line and stderr nothing. A state is told when it changes, however often it is reported, and text from the far side
// comes out printable.
#pragma once

#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/flood_bucket.h"
#include "base/limits.h"
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

class Status {
 public:
  struct Style {
    bool json = false;
    bool colour = false;
  };
  using WallClock = std::function<std::time_t()>;

  enum class Mode { mux, classic };

  // A tunnel that stands.
  struct Ready {
    std::string_view url;
    std::string_view name;
    Mode mode = Mode::mux;
    std::size_t sockets = 1;           // of the pool
    std::string_view cached_url = {};  // a classic server behind a cache has one
  };

  // `target`: the local app, as people are to read it.
  Status(StatusOutput& output, Style style, std::string target, WallClock clock);

  void ready(const Ready& ready);
  // The broker is away, or the link was lost; the next try comes `in`.
  void reconnecting(Duration in, const Error& cause);
  // No tenfold/1 there: the classic pool is next.
  void fallback(std::string_view cause);
  void local_down(const Error& cause);
  void local_up();
  // The app has had a request for so long and has not begun an answer. `answered`: its visitor was told so; otherwise
  // the visitor's side has given it up. For a person, limits::slow_lines a minute at most.
  void app_slow(std::string_view method, std::string_view path, Duration waited, bool answered);
  void request(std::string_view method, std::string_view path, std::string_view peer);
  // Of ours, for a person.
  void notice(std::string_view text);
  // The broker's words, shown as such; those beyond limits::broker_lines_burst and _rate are counted instead.
  void broker_says(std::string_view text, TimePoint now);
  void drain();
  void refused(std::string_view code, std::string_view message);
  void stopping();
  void stopped();

 private:
  enum class Tone { plain, good, bad };
  void say(Tone tone, const std::string& line);

  StatusOutput& output_;
  const Style style_;
  const std::string target_;
  const WallClock clock_;
  std::string url_;  // the last that was printed
  FloodBucket broker_lines_{limits::broker_lines_burst, limits::broker_lines_rate};
  std::size_t broker_lines_left_out_ = 0;  // since the last that was shown
  bool up_ = false;                        // a tunnel stands
  bool local_down_ = false;                // said of the local app
  std::time_t slow_since_ = 0;             // the first of slow_lines_
  std::int64_t slow_lines_ = 0;            // about a slow app, those left out included
  std::optional<ErrorKind> away_;          // said of the broker, and why
};

}  // namespace tenfold
