// Forwarding: the state that all pipes of a tunnel share.
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
  std::string local_host;  // empty: Host is not changed
  bool print_requests = false;
  bool no_keep_alive = false;  // one connection to the app for each request
  Duration first_byte{};       // the app's time to begin an answer; zero: only the broker limits it
  http::DateText date = {};
  bool local_tls = false;  // the app uses https
};

}  // namespace tenfold
