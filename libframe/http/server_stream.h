// ServerStream: one request and its answer, whichever version of HTTP carries them. A server connection hands one out
// for each request head that it read; who answers sets itself as the handler and never learns the version.
//
//   on_request(stream)                              // from the connection's owner; the body is paused
//   stream.set_handler(&me);
//   stream.read_body();                             // from here on the body comes, if there is one
//   on_body(bytes)* on_body_end(trailers)           -> stream.credit(n) as those bytes leave my last queue
//   stream.interim(head)*                           // 1xx, not 101
//   stream.answer(head, size);  n = stream.write(bytes)*;  stream.end(trailers);
//
// In place of answer() … end():
//
//   Upgraded raw = stream.upgrade(head);            // 101, or 200 to an extended CONNECT: bytes from here
//
// The last call is one of end(), abort(), reset() and upgrade(); the last event is on_gone(). After either the stream
// is the connection's again: no further call, no further event. With end() before the body's end the connection reads
// the rest and throws it away, or closes.
//
// Back-pressure, both ways, is Duplex's: on_body() delivers no more than a window ahead of credit(), and whoever writes
// heeds what write() and on_sent() report.
//
// Events never come from inside a call. A stream is owned by its connection, and outlives every request's last event
// only as memory for the next.
//
// Thread: the loop's. Sources: RFC 9110 6 to 8 and 15.2, RFC 8441.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "duplex.h"
#include "http/head.h"
#include "http/patience.h"

namespace tenfold::http {

// How much content a message has, as far as its head says.
struct BodySize {
  enum class Kind : std::uint8_t {
    none,     // no content at all: an answer to HEAD, 204, 304
    known,    // `length` bytes
    unknown,  // until it ends
  };
  Kind kind = Kind::none;
  std::uint64_t length = 0;  // of kind none: what the Content-Length of an answer to HEAD, or of a 304, tells

  bool empty() const { return kind == Kind::none || (kind == Kind::known && length == 0); }
};

// Why a stream ended without its answer's end.
struct Gone {
  Error why;                  // origin visitor: he left, or broke the rules
  Limit limit = Limit::none;  // the wait that ran out
};

// A connection, or the stream of one, that is raw bytes from here.
struct Upgraded {
  std::unique_ptr<Duplex> pipe;  // without a handler
  std::string early;             // delivered behind the request's head and not credited
  bool ended = false;            // its FIN was heard
};

class ServerStream {
 public:
  class Handler {
   public:
    virtual void on_body(Bytes bytes) = 0;
    // The request is whole. Not heard of a request without a body.
    virtual void on_body_end(const Fields& trailers) = 0;
    // `n` more bytes of write() have left for the visitor.
    virtual void on_sent(std::size_t n) = 0;
    virtual void on_gone(const Gone& gone) = 0;

   protected:
    ~Handler() = default;
  };

  // The views are good until the stream's last call or event.
  virtual const RequestHead& head() const = 0;
  // Of the request.
  virtual BodySize body() const = 0;

  virtual void set_handler(Handler* handler) = 0;

  virtual void read_body() = 0;
  virtual void credit(std::size_t n) = 0;

  // Dropped where the visitor's version knows none.
  virtual void interim(const ResponseHead& head) = 0;

  // Fields of this connection alone (hop-by-hop, Content-Length) are left out and written as this version wants them.
  virtual void answer(const ResponseHead& head, BodySize size) = 0;
  virtual bool answered() const = 0;
  // Takes all of `bytes`. Returns how many of this and former calls have left that were not reported yet; on_sent()
  // reports the rest.
  virtual std::size_t write(Bytes bytes) = 0;
  virtual void end(const Fields& trailers) = 0;
  // A visible cut, behind what was written: no clean end. Before answer(): the connection or stream is reset.
  virtual void abort() = 0;
  // The same at once: what was written and has not left is dropped.
  virtual void reset() = 0;

  // The connection keeps nothing of it.
  virtual Upgraded upgrade(const ResponseHead& head) = 0;

 protected:
  ~ServerStream() = default;
};

}  // namespace tenfold::http
