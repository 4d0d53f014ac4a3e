// Patience: how long a server waits for each side, and the name of each expired wait in a log. One value, made from an
// operator's options, by a test, or for a kind of stream. docs/OPERATING.md, "Time: who is waited for", has the same
// table.
//
// The rule: a side that is held back by the other is never timed out; only a side that could send and does not.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/limits.h"
#include "base/time.h"

namespace tenfold::http {

struct Patience {
  Duration head = limits::head_time;              // a request's head, from its first byte to its last
  Duration keep_alive = limits::keep_alive_idle;  // --keep-alive: between two requests
  Duration first_byte = limits::first_byte_time;  // --first-byte: the app, from the request to its answer
  Duration body_idle = limits::body_idle;         // --body-idle: the sender of a body of known length
  Duration stream_idle = limits::stream_idle;     // --stream-idle: ... of unknown length; an upgraded connection
  Duration half_close = limits::half_close_time;  // --half-close: the answer to a visitor that has sent FIN
  Duration reader_idle = limits::reader_idle;     // a visitor that reads nothing of its answer
};

// The wait that expired.
enum class Limit : std::uint8_t { none, first_byte, body_idle, stream_idle, half_close, reader_idle, reader_stands };

constexpr std::string_view to_string(Limit limit) {
  switch (limit) {
    case Limit::none: return "none";
    case Limit::first_byte: return "first-byte";
    case Limit::body_idle: return "body-idle";
    case Limit::stream_idle: return "stream-idle";
    case Limit::half_close: return "half-close";
    case Limit::reader_idle: return "reader-idle";
    case Limit::reader_stands: return "reader-stands";
  }
  return "none";
}

}  // namespace tenfold::http
