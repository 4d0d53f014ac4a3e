// Forwarding: what all pipes of a tunnel share.
#pragma once

#include <string>

#include "agent/screen/tunnel_status.h"
#include "agent/targets/target.h"
#include "base/runtime.h"
#include "http/date_text.h"

namespace tenfold {

struct Forwarding {
  Runtime& runtime;
  Target& target;
  TunnelStatus& status;
  std::string local_host;  // empty: no Host is rewritten
  bool print_requests = false;
  bool no_keep_alive = false;  // one connection to the app for each request
  Duration first_byte{};       // how long the app may take to begin an answer; zero: as long as the broker lets it
  http::DateText date = {};
  bool local_tls = false;  // the app is served by https
};

}  // namespace tenfold
