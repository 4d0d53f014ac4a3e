// RequestRecord: the facts about one request, filled while it runs and read once, at its end, by the log and the
// metrics. Reused from request to request, so that it allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"
#include "http/head.h"
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
inline constexpr std::size_t outcomes = static_cast<std::size_t>(Outcome::left) + 1;

// One lower-case word.
const char* to_string(Outcome outcome);

struct RequestRecord {
  // The request.
  std::string request_id;
  std::string_view tunnel;  // its name; empty for the broker's own site
  std::string_view peer;    // IP:PORT of the visit
  std::string_view client;  // the client's IP, as a listed proxy reports it; empty: the peer's
  std::string_view method;  // where an access log reads it: keep_request(); letters, digits, `-` and `?`
  std::string target;       // ... with its query, rules::access_target bytes at most

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
  TimePoint assigned{};    // a pipe to the app was asked for
  TimePoint opened{};      // a pipe to the app was open
  TimePoint first_byte{};  // of an answer came
  TimePoint ended{};
  Duration link{};  // of the time from `opened` to `first_byte`: the way to the agent and back

  // Who decided how the request ended: the app that answered, the visitor who left, who failed.
  Origin origin() const;

  // The phases. Zero: not reached.
  Duration edge() const { return (assigned == TimePoint{} ? ended : assigned) - began; }
  Duration wait() const { return opened == TimePoint{} ? Duration::zero() : opened - assigned; }
  Duration app() const { return first_byte == TimePoint{} ? Duration::zero() : first_byte - opened - link; }

  // Resets the record for a new request.
  void begin(TimePoint now, std::string_view id, std::string_view address);
  // Copies the request's line, since its own views may be gone at its end.
  void keep_request(const http::RequestHead& head);

 private:
  std::string rare_method_;  // what `method` views, if it is none of the usual ones
};

}  // namespace tenfold::broker
