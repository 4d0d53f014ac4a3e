// TunnelStatus: reports about one tunnel: its URL, its app, its requests. With several tunnels, lines and events name
// theirs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/rules.h"
#include "agent/screen/status.h"

namespace tenfold {

class TunnelStatus {
 public:
  enum class Mode { mux, classic };
  enum class Among { alone, several };

  // A tunnel that is up.
  struct Ready {
    std::string_view url;
    std::string_view name;
    Mode mode = Mode::mux;
    std::size_t sockets = 1;           // of the pool
    std::string_view cached_url = {};  // only from a classic server behind a cache
  };

  // `target`: the local app, as shown to people.
  TunnelStatus(Status& status, std::string target, Among among);

  void ready(const Ready& ready);
  // The tunnel's own connection to a classic server was lost; the next attempt comes `in`.
  void reconnecting(Duration in, const Error& cause);
  // The server does not grant this tunnel, while others continue. `heals`: it is requested again automatically.
  void refused(std::string_view code, std::string_view message, bool heals);
  void local_down(const Error& cause);
  void local_up();
  // The agent has no descriptor, port or memory for a connection to the app.
  void agent_busy(const Error& why) { status_.busy(why); }
  // The app has had a request for `waited` and has not begun an answer. `answered`: the agent answered the visitor;
  // otherwise the visitor's side has given up. For people, at most rules::slow_lines a minute.
  void app_slow(std::string_view method, std::string_view path, Duration waited, bool answered);
  // The app ended its connection within its answer, after `bytes` of it; `why` is none if it closed in order. For
  // people, limited together with the slow ones.
  void app_cut(std::string_view method, std::string_view path, std::uint64_t bytes, const Error& why);
  // The app sent bytes that are not HTTP where an answer was due. `guess`: the likely protocol, or empty. Repeated only
  // for different bytes, or after rules::slow_lines_s.
  void app_not_http(std::string_view first_bytes, std::string_view guess);

  // A request that was answered, or will not be answered.
  struct Request {
    std::string_view method;
    std::string_view path;
    std::string_view peer = {};
    int status = 0;  // 0: no answer came
    Duration took{};
    std::uint64_t bytes = 0;  // of the answer's body
    bool is_known = true;     // false: the answer could not be attributed to this request
    bool is_cut = false;
  };
  void request(const Request& request);

 private:
  using Tone = Screen::Tone;
  bool may_say_of_app();

  Status& status_;
  Screen& screen_;
  const std::string target_;
  const bool several_;
  std::string url_;          // the last printed one
  std::string name_;         // ... and its name
  std::string refused_;      // the refusal shown last; empty: none, or the tunnel was up since
  bool local_down_ = false;  // a message about the local app was shown
  std::string not_http_;     // the line shown last
  std::time_t not_http_said_ = 0;
  std::time_t slow_since_ = 0;   // the time of the first of slow_lines_
  std::int64_t slow_lines_ = 0;  // about the app's faults, omitted ones included
};

}  // namespace tenfold
