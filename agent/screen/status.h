// Status: what is said of the agent and its broker; what is said of one tunnel is TunnelStatus's. A state is told when
// it changes, however often it is reported, and text from the far side comes out printable.
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

  // A tunnel stands.
  void connected();
  // The broker is away, or the link was lost; the next try comes `in`.
  void reconnecting(Duration in, const Error& cause);
  // No tenfold/1 there: the classic pool is next.
  void fallback(std::string_view cause);
  // Of ours, for a person.
  void notice(std::string_view text);
  // The broker's words, shown as such; those beyond rules::broker_lines_burst and _rate are counted instead.
  void broker_says(std::string_view text, TimePoint now);
  // The agent itself is out of descriptors, ports or memory: said once in rules::slow_lines_s.
  void busy(const Error& why);
  void drain();
  // This machine was suspended: the link is dialled again.
  void slept(Duration time);
  void refused(std::string_view code, std::string_view message);
  void stopping();
  void stopped();

 private:
  using Tone = Screen::Tone;

  Screen& screen_;
  FloodBucket broker_lines_{rules::broker_lines_burst, rules::broker_lines_rate};
  std::size_t broker_lines_left_out_ = 0;  // since the last that was shown
  std::optional<std::time_t> busy_said_;   // when
  bool up_ = false;                        // a tunnel stands
  std::optional<ErrorKind> away_;          // said of the broker, and why
};

}  // namespace tenfold
