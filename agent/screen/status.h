// Status: reports about the agent and its broker; TunnelStatus reports about one tunnel. A state is shown when it
// changes, however often it is reported, and text from peers is made printable.
#pragma once

#include <optional>
#include <string_view>

#include "agent/rules.h"
#include "agent/screen/screen.h"
#include "base/error.h"
#include "base/flood_bucket.h"

namespace tenfold {

class Status {
 public:
  explicit Status(Screen& screen) : screen_(screen) {}

  Screen& screen() { return screen_; }

  // A tunnel is up.
  void connected();
  // The broker is unreachable, or the link was lost; the next attempt comes `in`.
  void reconnecting(Duration in, const Error& cause);
  // The server does not speak tenfold/1: the classic pool follows.
  void fallback(std::string_view cause);
  // A message of the agent, for people.
  void notice(std::string_view text);
  // A message of the broker, shown as such; those beyond rules::broker_lines_burst and _rate are only counted.
  void broker_says(std::string_view text, TimePoint now);
  // The agent is out of descriptors, ports or memory: shown at most once in rules::slow_lines_s.
  void busy(const Error& why);
  void drain();
  // This machine was suspended: the link is dialled again.
  void slept(Duration time);
  // For good. The message is the broker's own (broker/link, broker/desk), shown behind "refused: ".
  void refused(std::string_view code, std::string_view message);
  void stopping();
  void stopped();

 private:
  using Tone = Screen::Tone;

  Screen& screen_;
  FloodBucket broker_lines_{rules::broker_lines_burst, rules::broker_lines_rate};
  std::size_t broker_lines_left_out_ = 0;  // since the last one that was shown
  std::optional<std::time_t> busy_said_;   // the time of the last message
  bool up_ = false;                        // a tunnel is up
  std::optional<ErrorKind> away_;          // the reason that was shown for the broker's absence
};

}  // namespace tenfold
