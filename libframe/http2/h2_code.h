// The error codes of HTTP/2 (RFC 9113 7), and their meaning on a link's streams: docs/PROTOCOL.md, "Abort".
#pragma once

#include <cstdint>

#include "base/error.h"

namespace tenfold {

enum class H2Code : std::uint32_t {
  no_error = 0x0,
  protocol_error = 0x1,
  internal_error = 0x2,
  flow_control_error = 0x3,
  settings_timeout = 0x4,
  stream_closed = 0x5,
  frame_size_error = 0x6,
  refused_stream = 0x7,
  cancel = 0x8,
  compression_error = 0x9,
  connect_error = 0xa,
  enhance_your_calm = 0xb,
  inadequate_security = 0xc,
  http_1_1_required = 0xd,
};

// The RFC's spelling; "unknown code" for all others.
const char* to_string(H2Code code);

// The code for a stream that is reset for this reason.
H2Code reset_code(ErrorKind why);

// The reason that a stream reset with this code reports; `closed` if the code says no more.
ErrorKind reset_kind(H2Code code);

}  // namespace tenfold
