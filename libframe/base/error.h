// Error: an expected failure as a value. A bug of ours is an assert and never an Error. A fault of the peer is
// `protocol` or `limit`; every other kind is a failure of the environment. For a failed request the origin says which
// party failed.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace tenfold {

enum class ErrorKind : std::uint8_t {
  none,          // no failure: a clean end
  closed,        // the peer closed, or the object is already shut
  cancelled,     // the caller no longer wants the result
  refused,       // nothing listens there
  unbegun,       // the far side did not process it (RFC 9113 8.7): any request is safe to retry
  timeout,       // a deadline passed
  dns,           // a name has no address
  tls,           // handshake or certificate
  protocol,      // the peer violated the protocol
  limit,         // a cap of ours was reached
  silent,        // connected, but no answer in time
  absent,        // it does not exist
  unauthorized,  // credentials are missing or wrong
  denied,        // the rules forbid it
  loop,          // a request came back to a hop that it had passed
  io,            // the operating system reports a failure
  usage,         // bad configuration or command line
};

// The party that failed, as seen from the broker.
enum class Origin : std::uint8_t {
  none,      // unknown
  visitor,   // the client of the public URL
  broker,    // this process
  link,      // the connection to the agent
  agent,     // the process next to the app
  app,       // what the tunnel leads to
  registry,  // the store of tunnel names
  peer,      // another replica
};

// One lower-case word, used in logs and in `tenfold-cause`.
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

// The text for an errno, as a part of a sentence: "no such file or directory".
std::string system_reason(int number);

}  // namespace tenfold
