// Error: an expected failure as a value. "We did wrong" is an assert instead,
// and never gets here; "the peer did wrong" is `protocol` or `limit`; "the world
// did wrong" is everything else. Where a request fails, the origin says whose the failure is.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace tenfold {

enum class ErrorKind : std::uint8_t {
  none,          // no failure: a clean end
  closed,        // the other side went away, or the thing asked is already shut
  cancelled,     // whoever wanted this no longer does
  refused,       // nobody listens there
  unbegun,       // the far side did nothing with it (RFC 9113 8.7): safe to ask again, whatever it was
  timeout,       // a deadline passed
  dns,           // a name has no address
  tls,           // handshake or certificate
  protocol,      // the peer broke the rules
  limit,         // a cap of ours was reached
  silent,        // it was reached, and said nothing in time
  absent,        // there is no such thing
  unauthorized,  // no proof of who asks, or a wrong one
  denied,        // the rules say no
  loop,          // it came round to where it was before
  io,            // the operating system reports a failure
  usage,         // bad configuration or command line
};

// Whose failure it is, as seen from the broker.
enum class Origin : std::uint8_t {
  none,      // not said
  visitor,   // who came to the public URL
  broker,    // this process
  link,      // the connection to the agent
  agent,     // the process beside the app
  app,       // what the tunnel leads to
  registry,  // who knows which names there are
  peer,      // another replica
};

// One lower-case word, as logs and `tenfold-cause` show it.
const char* to_string(ErrorKind kind);
const char* to_string(Origin origin);

struct Error {
  ErrorKind kind = ErrorKind::none;
  std::string detail;  // for people: what was wrong, without a trailing full stop
  Origin origin = Origin::none;

  explicit operator bool() const { return kind != ErrorKind::none; }
};

// "kind: detail", or the kind alone.
std::string describe(const Error& error);

// What an errno says, as a part of a sentence: "no such file or directory".
std::string system_reason(int number);

}  // namespace tenfold
