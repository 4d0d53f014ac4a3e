#include "agent/screen/status.h"

#include <chrono>
#include <string>
#include <utility>

#include "agent/rules.h"
#include "agent/screen/event.h"

namespace tenfold {
namespace {

// "45 s", "12 min", "3 h 20 min".
std::string long_time(Duration time) {
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(time).count();
  if (minutes < 2) return in_seconds(std::chrono::duration_cast<std::chrono::seconds>(time));
  if (minutes < 60) return std::to_string(minutes) + " min";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
}

}  // namespace

void Status::connected() {
  away_.reset();
  up_ = true;
}

void Status::reconnecting(Duration in, const Error& cause) {
  const std::string why = shown(describe(cause));
  if (screen_.json()) {
    screen_.out(line_of(Event{{"event", "reconnecting"}, {"in_ms", milliseconds(in)}, {"cause", why}}));
  } else if (away_ != cause.kind) {
    const char* what = up_ ? "connection lost" : "no connection";
    screen_.say(Tone::bad, std::string(what) + " (" + why + "): trying again until it works");
  }
  away_ = cause.kind;
  up_ = false;
}

void Status::fallback(std::string_view cause) {
  if (screen_.json()) return screen_.out(line_of(Event{{"event", "fallback"}, {"cause", shown(cause)}}));
  screen_.say(Tone::bad,
              "no tenfold/1 there (" + shown(cause) + "): using the classic sockets, which are not encrypted");
}

void Status::notice(std::string_view text) {
  if (screen_.json()) return screen_.out(line_of(Event{{"event", "notice"}, {"text", shown(text)}}));
  screen_.say(Tone::plain, shown(text));
}

void Status::broker_says(std::string_view text, TimePoint now) {
  if (!broker_lines_.take(now)) {
    ++broker_lines_left_out_;
    return;
  }
  const std::size_t more = std::exchange(broker_lines_left_out_, 0);
  if (screen_.json()) {
    if (more != 0) screen_.out(line_of(Event{{"event", "notices_left_out"}, {"n", more}}));
    return notice(text);
  }
  if (more != 0) screen_.say(Tone::plain, "broker: " + std::to_string(more) + " more");
  screen_.say(Tone::plain, "broker: " + shown(text));
}

void Status::busy(const Error& why) {
  const std::time_t now = screen_.now();
  if (busy_said_ && now >= *busy_said_ && now - *busy_said_ < rules::slow_lines_s) return;
  busy_said_ = now;
  if (screen_.json()) return screen_.out(line_of(Event{{"event", "busy"}, {"cause", shown(why.detail)}}));
  screen_.say(Tone::bad, shown(why.detail) + " (the agent's own want: visitors are told to come again)");
}

void Status::drain() {
  if (screen_.json()) return screen_.out(line_of(Event{{"event", "drain"}}));
  screen_.say(Tone::plain, "the broker is going away: moving to another link");
}

void Status::slept(Duration time) {
  if (screen_.json()) return screen_.out(line_of(Event{{"event", "slept"}, {"ms", milliseconds(time)}}));
  screen_.say(Tone::plain, "this agent slept for " + long_time(time) + ": dialling again");
}

void Status::refused(std::string_view code, std::string_view message) {
  if (screen_.json()) {
    return screen_.out_kept(line_of(Event{{"event", "refused"}, {"code", shown(code)}, {"message", shown(message)}}));
  }
  screen_.say(Tone::bad, "refused: " + shown(message) + (code.empty() ? "" : " (" + shown(code) + ')'));
}

void Status::stopping() {
  if (screen_.json()) return screen_.out(line_of(Event{{"event", "stopping"}}));
  screen_.say(Tone::plain, "stopping: what runs is finished first; once more stops at once");
}

void Status::stopped() {
  if (screen_.json()) screen_.out_kept(line_of(Event{{"event", "stopped"}}));
}

}  // namespace tenfold
