// ServerStream: one request and its answer, over any version of HTTP. A server connection hands out one for each
// request head; the answering side sets itself as the handler and does not see the version.
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
// The last call is one of end(), abort(), reset() and upgrade(); the last event is on_gone(). After either one the
// stream belongs to the connection again: no more calls and no more events. If end() comes before the body's end, the
// connection reads and discards the rest, or closes.
//
// Back-pressure works as in Duplex, in both directions: on_body() delivers at most a window ahead of credit(), and the
// writer obeys what write() and on_sent() report.
//
// Events never come from inside a call. The connection owns the stream and reuses its memory for the next request.
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

// The size of a message's content, as far as its head tells.
struct BodySize {
  enum class Kind : std::uint8_t {
    none,     // no content at all: an answer to HEAD, 204, 304
    known,    // `length` bytes
    unknown,  // until it ends
  };
  Kind kind = Kind::none;
  std::uint64_t length = 0;  // of kind none: the Content-Length of an answer to HEAD, or of a 304

  bool empty() const { return kind == Kind::none || (kind == Kind::known && length == 0); }
};

// Why a stream ended before its answer was complete.
struct Gone {
  Error why;                  // origin visitor: the visitor left or broke the protocol
  Limit limit = Limit::none;  // the wait that expired
};

// A connection, or a stream of one, that carries raw bytes from here on.
struct Upgraded {
  std::unique_ptr<Duplex> pipe;  // without a handler
  std::string early;             // delivered after the request's head, not credited
  bool ended = false;            // its FIN was received
};

class ServerStream {
 public:
  class Handler {
   public:
    virtual void on_body(Bytes bytes) = 0;
    // The request is complete. Not called for a request without a body.
    virtual void on_body_end(const Fields& trailers) = 0;
    // `n` more bytes of write() were sent to the visitor.
    virtual void on_sent(std::size_t n) = 0;
    virtual void on_gone(const Gone& gone) = 0;

   protected:
    ~Handler() = default;
  };

  // The views are valid until the stream's last call or event.
  virtual const RequestHead& head() const = 0;
  // Of the request.
  virtual BodySize body() const = 0;

  virtual void set_handler(Handler* handler) = 0;

  virtual void read_body() = 0;
  virtual void credit(std::size_t n) = 0;

  // Dropped if the visitor's version has no interim answers.
  virtual void interim(const ResponseHead& head) = 0;

  // Fields of this connection alone (hop-by-hop, Content-Length) are replaced by what this version needs.
  virtual void answer(const ResponseHead& head, BodySize size) = 0;
  virtual bool answered() const = 0;
  // Takes all of `bytes`. Returns how many bytes of this and earlier calls were sent and not yet reported; on_sent()
  // reports the rest.
  virtual std::size_t write(Bytes bytes) = 0;
  virtual void end(const Fields& trailers) = 0;
  // Cuts the answer after the bytes already written: no clean end. Before answer(): resets the connection or stream.
  virtual void abort() = 0;
  // Cuts at once: written bytes that were not yet sent are dropped.
  virtual void reset() = 0;

  // The connection gives up the pipe.
  virtual Upgraded upgrade(const ResponseHead& head) = 0;

 protected:
  ~ServerStream() = default;
};

}  // namespace tenfold::http
