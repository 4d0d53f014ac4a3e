#include "agent/screen/status.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/limits.h"
#include "base/log.h"

namespace tenfold {
namespace {

using Json = nlohmann::ordered_json;

std::string text(std::string_view from_afar) { return printable(from_afar, limits::request_line_bytes); }

std::int64_t milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

const char* to_string(Status::Mode mode) { return mode == Status::Mode::mux ? "mux" : "classic"; }

std::string line_of(const Json& event) { return event.dump(-1, ' ', false, Json::error_handler_t::replace); }

// As a browser's Date has it, which is what `lt` prints.
std::string date(std::time_t time) {
  std::tm parts{};
  localtime_r(&time, &parts);
  char room[64];
  return {room, std::strftime(room, sizeof room, "%a %b %d %Y %H:%M:%S GMT%z (%Z)", &parts)};
}

}  // namespace

Status::Status(StatusOutput& output, Style style, std::string target, WallClock clock)
    : output_(output), style_(style), target_(std::move(target)), clock_(std::move(clock)) {}

void Status::say(Tone tone, const std::string& line) {
  if (!style_.colour || tone == Tone::plain) return output_.err(line);
  output_.err((tone == Tone::good ? "\x1b[32m" : "\x1b[33m") + line + "\x1b[0m");
}

void Status::ready(const Ready& ready) {
  away_.reset();
  up_ = true;
  const std::string url = text(ready.url);
  const std::string before = std::exchange(url_, url);
  if (style_.json) {
    Json event{{"event", "ready"}, {"url", url}, {"name", text(ready.name)}, {"mode", to_string(ready.mode)}};
    if (!ready.cached_url.empty()) event["cached_url"] = text(ready.cached_url);
    return output_.out_kept(line_of(event));
  }
  if (before == url) return say(Tone::good, "connected again: " + url);
  output_.out_kept("your url is: " + url);
  if (!ready.cached_url.empty()) output_.out_kept("your cachedUrl is: " + text(ready.cached_url));
  if (!before.empty()) return say(Tone::bad, "the url changed: " + before + " is no longer yours");
  const std::string by = ready.mode == Mode::mux ? "one link"
                         : ready.sockets == 1    ? "one classic socket"
                                                 : std::to_string(ready.sockets) + " classic sockets";
  say(Tone::good, "forwarding to " + target_ + " over " + by);
}

void Status::reconnecting(Duration in, const Error& cause) {
  if (style_.json) {
    output_.out(
        line_of(Json{{"event", "reconnecting"}, {"in_ms", milliseconds(in)}, {"cause", text(describe(cause))}}));
  } else if (away_ != cause.kind) {
    const char* what = up_ ? "connection lost" : "no connection";
    say(Tone::bad, std::string(what) + " (" + text(describe(cause)) + "): trying again until it works");
  }
  away_ = cause.kind;
  up_ = false;
}

void Status::fallback(std::string_view cause) {
  if (style_.json) return output_.out(line_of(Json{{"event", "fallback"}, {"cause", text(cause)}}));
  say(Tone::bad, "no tenfold/1 there (" + text(cause) + "): using the classic sockets, which are not encrypted");
}

void Status::local_down(const Error& cause) {
  if (std::exchange(local_down_, true)) return;
  if (style_.json) {
    return output_.out(line_of(Json{{"event", "local_down"}, {"target", target_}, {"cause", text(describe(cause))}}));
  }
  say(Tone::bad, target_ + " does not answer (" + text(describe(cause)) + "): visitors are told so until it does");
}

void Status::local_up() {
  if (!std::exchange(local_down_, false)) return;
  if (style_.json) return output_.out(line_of(Json{{"event", "local_up"}, {"target", target_}}));
  say(Tone::good, target_ + " answers again");
}

void Status::app_slow(std::string_view method, std::string_view path, Duration waited, bool answered) {
  if (style_.json) {
    Json event{{"event", "app_slow"},
               {"target", target_},
               {"method", text(method)},
               {"path", text(path)},
               {"waited_ms", milliseconds(waited)}};
    if (answered) event["status"] = 504;
    return output_.out(line_of(event));
  }
  const std::time_t now = clock_();
  if (now < slow_since_ || now - slow_since_ >= limits::slow_lines_s) {
    const std::int64_t left_out = slow_lines_ - limits::slow_lines;
    if (left_out > 0)
      say(Tone::bad, "and " + std::to_string(left_out) + " more requests that " + target_ + " did not answer");
    slow_since_ = now;
    slow_lines_ = 0;
  }
  if (++slow_lines_ > limits::slow_lines) return;
  const std::string seconds = in_seconds(waited);
  const std::string what = method.empty() ? "a request" : text(method) + ' ' + text(path);
  if (answered) return say(Tone::bad, target_ + " did not answer " + what + " within " + seconds);
  say(Tone::bad, "a visitor waited " + seconds + " for " + target_ + " and got no answer to " + what);
}

void Status::request(std::string_view method, std::string_view path, std::string_view peer) {
  if (style_.json) {
    return output_.out(
        line_of(Json{{"event", "request"}, {"method", text(method)}, {"path", text(path)}, {"peer", text(peer)}}));
  }
  output_.out(date(clock_()) + ' ' + text(method) + ' ' + text(path));
}

void Status::notice(std::string_view from_afar) {
  if (style_.json) return output_.out(line_of(Json{{"event", "notice"}, {"text", text(from_afar)}}));
  say(Tone::plain, text(from_afar));
}

void Status::broker_says(std::string_view from_afar, TimePoint now) {
  if (!broker_lines_.take(now)) {
    ++broker_lines_left_out_;
    return;
  }
  const std::size_t more = std::exchange(broker_lines_left_out_, 0);
  if (style_.json) {
    if (more != 0) output_.out(line_of(Json{{"event", "notices_left_out"}, {"n", more}}));
    return notice(from_afar);
  }
  if (more != 0) say(Tone::plain, "broker: " + std::to_string(more) + " more");
  say(Tone::plain, "broker: " + text(from_afar));
}

void Status::drain() {
  if (style_.json) return output_.out(line_of(Json{{"event", "drain"}}));
  say(Tone::plain, "the broker is going away: moving to another link");
}

void Status::refused(std::string_view code, std::string_view message) {
  if (style_.json) {
    return output_.out_kept(line_of(Json{{"event", "refused"}, {"code", text(code)}, {"message", text(message)}}));
  }
  say(Tone::bad, "refused: " + text(message) + (code.empty() ? "" : " (" + text(code) + ')'));
}

void Status::stopping() {
  if (style_.json) return output_.out(line_of(Json{{"event", "stopping"}}));
  say(Tone::plain, "stopping: what runs is finished first; once more stops at once");
}

void Status::stopped() {
  if (style_.json) output_.out_kept(line_of(Json{{"event", "stopped"}}));
}

}  // namespace tenfold
