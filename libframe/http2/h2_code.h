// The error codes of HTTP/2 (RFC 9113 7), and what they mean on a link's streams: docs/PROTOCOL.md, "Abort".
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

// As the RFC spells it; "unknown code" for one that it does not know.
const char* to_string(H2Code code);

// What a stream that is cut for this reason is reset with.
H2Code reset_code(ErrorKind why);

// What a stream that ended with this code hears; `closed` where nothing more exact is known.
ErrorKind reset_kind(H2Code code);

}  // namespace tenfold
