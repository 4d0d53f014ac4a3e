// RequestRecord: the facts about one request, filled while it runs and read once, at its end, by the log and the
// metrics. Reused from request to request, so that it allocates nothing.
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
  served,    // the app's answer, complete
  upgraded,  // raw bytes after the app's 101
  own,       // an answer of the broker's own site, including a refusal
  linked,    // the connection became an agent's link
  rejected,  // a request that cannot be served, by `reason`
  failed,    // no answer, or an incomplete one, by `why`
  left,      // the visitor left, or its wait expired
};

struct RequestRecord {
  // The request.
  std::string request_id;
  std::string_view tunnel;  // its name; empty for the broker's own site
  std::string_view peer;    // IP:PORT of the visit

  // The result.
  Outcome outcome = Outcome::own;
  int status = 0;                         // of the answer; 0: none was begun
  Error why;                              // when failed or left
  std::string_view reason;                // when rejected: the fault's reason, a literal
  http::Limit limit = http::Limit::none;  // the wait that expired
  std::string hint;                       // of an answer that is not HTTP: the likely protocol
  std::uint64_t body_in = 0;              // bytes of the request's body that were read
  std::uint64_t body_out = 0;             // ... of the answer's that were written

  // Times. Zero: not reached.
  TimePoint began{};       // its head was read
  TimePoint assigned{};    // the answering side was known
  TimePoint opened{};      // a pipe to the app was open
  TimePoint first_byte{};  // of an answer came
  TimePoint ended{};

  // Resets the record for a new request.
  void begin(TimePoint now, std::string_view id, std::string_view address);
};

}  // namespace tenfold::broker
