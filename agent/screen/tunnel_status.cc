#include "agent/screen/tunnel_status.h"

#include <algorithm>
#include <utility>

#include "agent/rules.h"
#include "agent/screen/event.h"

namespace tenfold {
namespace {

const char* to_string(TunnelStatus::Mode mode) { return mode == TunnelStatus::Mode::mux ? "mux" : "classic"; }

// In the format of JavaScript's Date, which `lt` prints.
std::string date(std::time_t time) {
  std::tm parts{};
  localtime_r(&time, &parts);
  char room[64];
  return {room, std::strftime(room, sizeof room, "%a %b %d %Y %H:%M:%S GMT%z (%Z)", &parts)};
}

// Requests of usual length share one column, and their results the next ones.
constexpr std::size_t request_width = 24;

// "15ms", "12.3s".
std::string time_text(Duration took) {
  const std::int64_t ms = milliseconds(took);
  if (ms < 10'000) return std::to_string(ms) + "ms";
  return std::to_string(ms / 1000) + '.' + std::to_string(ms / 100 % 10) + 's';
}

// "812 B", "1.2 KB".
std::string size_text(std::uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  std::uint64_t tenths = bytes / 100;
  for (const char* unit : {" KB", " MB", " GB"}) {
    if (tenths < 10'000) return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) + unit;
    tenths /= 1000;
  }
  return std::to_string(tenths / 10) + " TB";
}

// What the user can do about a refusal.
std::string remedy(std::string_view code) {
  if (code == "name-taken") return ". Another --subdomain may be free, or none is asked for";
  if (code == "bad-name") return ". Ask for another --subdomain";
  return {};
}

}  // namespace

TunnelStatus::TunnelStatus(Status& status, std::string target, Among among)
    : status_(status), screen_(status.screen()), target_(std::move(target)), several_(among == Among::several) {}

void TunnelStatus::ready(const Ready& ready) {
  status_.connected();
  refused_.clear();
  const std::string url = shown(ready.url);
  const std::string before = std::exchange(url_, url);
  name_ = ready.name;
  if (screen_.json()) {
    Event event{{"event", "ready"}, {"url", url}, {"name", shown(ready.name)}, {"mode", to_string(ready.mode)}};
    if (several_) event["target"] = target_;
    if (!ready.cached_url.empty()) event["cached_url"] = shown(ready.cached_url);
    return screen_.out_kept(line_of(event));
  }
  if (before == url) return screen_.say(Tone::good, "connected again: " + url);
  screen_.out_kept("your url is: " + url);
  if (!ready.cached_url.empty()) screen_.out_kept("your cachedUrl is: " + shown(ready.cached_url));
  if (!before.empty()) return screen_.say(Tone::bad, "the url changed: " + before + " is no longer yours");
  const std::string by = ready.mode == Mode::mux ? "one link"
                         : ready.sockets == 1    ? "one classic socket"
                                                 : std::to_string(ready.sockets) + " classic sockets";
  screen_.say(Tone::good, "forwarding to " + target_ + " over " + by);
}

void TunnelStatus::reconnecting(Duration in, const Error& cause) {
  if (!several_ || !screen_.json()) return status_.reconnecting(in, cause);
  screen_.out(line_of(Event{
      {"event", "reconnecting"}, {"in_ms", milliseconds(in)}, {"cause", shown(describe(cause))}, {"target", target_}}));
}

void TunnelStatus::refused(std::string_view code, std::string_view message, bool heals) {
  const std::string what = "refused: " + shown(message) + (code.empty() ? "" : " (" + shown(code) + ')');
  if (std::exchange(refused_, what) == what) return;
  if (screen_.json()) {
    return screen_.out_kept(line_of(Event{{"event", "refused"},
                                          {"code", shown(code)},
                                          {"message", shown(message)},
                                          {"target", target_},
                                          {"retried", heals}}));
  }
  screen_.say(Tone::bad, what + (heals ? ": " + target_ + " has no URL now, and is asked for again; the others go on"
                                       : ": " + target_ + " gets no URL; the others go on" + remedy(code)));
}

void TunnelStatus::local_down(const Error& cause) {
  if (std::exchange(local_down_, true)) return;
  const std::string why = shown(describe(cause));
  if (screen_.json()) {
    return screen_.out(line_of(Event{{"event", "local_down"}, {"target", target_}, {"cause", why}}));
  }
  screen_.say(Tone::bad, target_ + " does not answer (" + why + "): visitors are told so until it does");
}

void TunnelStatus::local_up() {
  if (!std::exchange(local_down_, false)) return;
  if (screen_.json()) return screen_.out(line_of(Event{{"event", "local_up"}, {"target", target_}}));
  screen_.say(Tone::good, target_ + " answers again");
}

void TunnelStatus::app_slow(std::string_view method, std::string_view path, Duration waited, bool answered) {
  if (screen_.json()) {
    Event event{{"event", "app_slow"},
                {"target", target_},
                {"method", shown(method)},
                {"path", shown(path)},
                {"waited_ms", milliseconds(waited)}};
    if (answered) event["status"] = 504;
    return screen_.out(line_of(event));
  }
  if (!may_say_of_app()) return;
  const std::string seconds = in_seconds(waited);
  const std::string what = method.empty() ? "a request" : shown(method) + ' ' + shown(path);
  if (answered) return screen_.say(Tone::bad, target_ + " did not answer " + what + " within " + seconds);
  screen_.say(Tone::bad, "a visitor waited " + seconds + " for " + target_ + " and got no answer to " + what);
}

// Whether one more line about the app's faults may be shown.
bool TunnelStatus::may_say_of_app() {
  const std::time_t now = screen_.now();
  if (now < slow_since_ || now - slow_since_ >= rules::slow_lines_s) {
    const std::int64_t left_out = slow_lines_ - rules::slow_lines;
    if (left_out > 0) {
      screen_.say(Tone::bad, "and " + std::to_string(left_out) + " more requests that " + target_ + " did not answer");
    }
    slow_since_ = now;
    slow_lines_ = 0;
  }
  return ++slow_lines_ <= rules::slow_lines;
}

void TunnelStatus::app_cut(std::string_view method, std::string_view path, std::uint64_t bytes, const Error& why) {
  const std::string cause = why ? shown(describe(why)) : "it closed the connection";
  if (screen_.json()) {
    return screen_.out(line_of(Event{{"event", "app_cut"},
                                     {"target", target_},
                                     {"method", shown(method)},
                                     {"path", shown(path)},
                                     {"bytes", bytes},
                                     {"cause", cause}}));
  }
  if (!may_say_of_app()) return;
  screen_.say(Tone::bad, target_ + " broke off its answer to " + shown(method) + ' ' + shown(path) + " after " +
                             size_text(bytes) + " (" + cause + ')');
}

void TunnelStatus::app_not_http(std::string_view first_bytes, std::string_view guess) {
  const std::string line = target_ + " said '" + shown(first_bytes) + "' where an answer was due, which is no HTTP" +
                           (guess.empty() ? std::string() : ": it " + shown(guess));
  const std::time_t now = screen_.now();
  if (line == not_http_ && now >= not_http_said_ && now - not_http_said_ < rules::slow_lines_s) return;
  not_http_ = line;
  not_http_said_ = now;
  if (!screen_.json()) return screen_.say(Tone::bad, line);
  Event event{{"event", "app_not_http"}, {"target", target_}, {"first_bytes", shown(first_bytes)}};
  if (!guess.empty()) event["guess"] = guess;
  screen_.out(line_of(event));
}

void TunnelStatus::request(const Request& request) {
  if (screen_.json()) {
    Event event{{"event", "request"},
                {"method", shown(request.method)},
                {"path", shown(request.path)},
                {"peer", shown(request.peer)}};
    if (several_) event["target"] = target_;
    if (request.status != 0) event["status"] = request.status;
    if (request.is_known) {
      event["ms"] = milliseconds(request.took);
      event["bytes"] = request.bytes;
    }
    if (request.is_cut) event["cut"] = true;
    return screen_.out(line_of(event));
  }
  std::string line = shown(request.method) + ' ' + shown(request.path);
  if (request.is_known) {
    line.resize(std::max(line.size(), request_width), ' ');
    if (request.status != 0) line += ' ' + std::to_string(request.status);
    line += ' ' + time_text(request.took);
    if (request.status != 0) line += ' ' + size_text(request.bytes);
    if (request.is_cut) line += request.status != 0 ? ", cut" : ", cut before an answer";
  }
  screen_.out(date(screen_.now()) + ' ' + (several_ ? shown(name_) + ' ' : "") + line);
}

}  // namespace tenfold
