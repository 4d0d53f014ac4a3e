// TunnelStatus: what is said of one tunnel: its URL, its app, its requests. Where there are several, lines and events
// name the one they are about.
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

  // A tunnel that stands.
  struct Ready {
    std::string_view url;
    std::string_view name;
    Mode mode = Mode::mux;
    std::size_t sockets = 1;           // of the pool
    std::string_view cached_url = {};  // a classic server behind a cache has one
  };

  // `target`: the local app, as people are to read it.
  TunnelStatus(Status& status, std::string target, Among among);

  void ready(const Ready& ready);
  // The tunnel's own connection to a classic server was lost; the next try comes `in`.
  void reconnecting(Duration in, const Error& cause);
  // The server does not grant this tunnel, while others go on. `heals`: it is asked for again by itself.
  void refused(std::string_view code, std::string_view message, bool heals);
  void local_down(const Error& cause);
  void local_up();
  // The agent has no descriptor, port or memory for a connection to the app.
  void agent_busy(const Error& why) { status_.busy(why); }
  // The app has had a request for so long and has not begun an answer. `answered`: its visitor was told so; otherwise
  // the visitor's side has given it up. For a person, rules::slow_lines a minute at most.
  void app_slow(std::string_view method, std::string_view path, Duration waited, bool answered);
  // The app ended its connection in the middle of its answer, of which so many bytes came; `why` is none where it did
  // so in order. For a person, with the slow ones.
  void app_cut(std::string_view method, std::string_view path, std::uint64_t bytes, const Error& why);
  // The app said something that is no HTTP where an answer was due. `guess`: what it speaks, or empty. Said again only
  // when it is something else, or after rules::slow_lines_s.
  void app_not_http(std::string_view first_bytes, std::string_view guess);

  // A request that was answered, or is not answered any more.
  struct Request {
    std::string_view method;
    std::string_view path;
    std::string_view peer = {};
    int status = 0;  // 0: none came
    Duration took{};
    std::uint64_t bytes = 0;  // of the answer's body
    bool is_known = true;     // what stands above: whose answer it was could be told
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
  std::string url_;          // the last that was printed
  std::string name_;         // ... and the name that goes with it
  std::string refused_;      // the refusal that was said last; empty: none, or it stood since
  bool local_down_ = false;  // said of the local app
  std::string not_http_;     // the line that was said last
  std::time_t not_http_said_ = 0;
  std::time_t slow_since_ = 0;   // the first of slow_lines_
  std::int64_t slow_lines_ = 0;  // about what the app did not do, those left out included
};

}  // namespace tenfold
