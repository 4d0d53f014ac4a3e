// RequestRecord: what is known of one request, filled on its way and read once, at its end, by the log and the metrics.
// Reused from request to request, so that it costs no allocation.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "http/patience.h"

namespace tenfold::broker {

// How a request ended.
enum class Outcome : std::uint8_t {
  served,    // an answer of the app, to its last byte
  upgraded,  // raw bytes by the app's 101
  own,       // an answer of the broker's own site, a refusal of its own included
  linked,    // the connection became an agent's link
  rejected,  // no request that can be served, by `reason`
  failed,    // no answer, or a part of one, by `why`
  left,      // the visitor left, or was waited for in vain
};

struct RequestRecord {
  // Who asked for what.
  std::string request_id;
  std::string_view tunnel;  // its name; empty of the broker's own site
  std::string_view peer;    // IP:PORT, the visit's

  // What came of it.
  Outcome outcome = Outcome::own;
  int status = 0;                         // of the answer; 0: none was begun
  Error why;                              // when failed or left
  std::string_view reason;                // when rejected: the fault's, a literal
  http::Limit limit = http::Limit::none;  // the wait that ran out
  std::string hint;                       // of an answer that is not HTTP: what it seems to be
  std::uint64_t body_in = 0;              // bytes of the request's body that were read
  std::uint64_t body_out = 0;             // ... of the answer's that were written

  // When. Zero: not reached.
  TimePoint began{};       // its head was read
  TimePoint assigned{};    // it was known who answers
  TimePoint opened{};      // a pipe to the app stood
  TimePoint first_byte{};  // of an answer came
  TimePoint ended{};

  // Forgets the last request.
  void begin(TimePoint now, std::string_view id, std::string_view address);
};

}  // namespace tenfold::broker
