// Request targets (RFC 9112 3.2): the path and the host that a request names, in any of the four forms.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/head.h"

namespace tenfold::http1 {

struct Target {
  std::string_view origin;     // "/path?query" or "*"
  std::string_view authority;  // the requested host, with its port
  http::Fault fault;           // set: refuse the request
};

// 400 `bad-target`, `missing-host`, `host-mismatch`; 405 `connect`. `made`: storage for an origin that is not a part of
// the received target.
Target read_target(const http::RequestHead& head, std::string& made);

}  // namespace tenfold::http1
