// Request targets (RFC 9112 3.2): what a request asks for and whom, whichever of the four forms it came in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/head.h"

namespace tenfold::http1 {

struct Target {
  std::string_view origin;     // "/path?query" or "*"
  std::string_view authority;  // the host that is asked, with its port
  http::Fault fault;           // set: refuse the request
};

// 400 `bad-target`, `missing-host`, `host-mismatch`; 405 `connect`. `made`: holds an origin that is no part of the
// target as it came.
Target read_target(const http::RequestHead& head, std::string& made);

}  // namespace tenfold::http1
