// Duplex: a byte pipe with two ends, the interface that joins the parts of the library. TCP sockets, TLS sockets and
// streams of a link are Duplexes; the code that uses one does not depend on the kind.
//
//   pipe->set_handler(&me);            // starts reading
//   n = pipe->write(head);             // n bytes were sent already, on_sent() reports the rest
//   on_data(bytes) -> ...              // valid during the call
//   pipe->credit(bytes.size());        // these are processed: as many more may come
//   pipe->end();                       // FIN; the other direction continues
//   on_end()                           // the peer's FIN
//   on_closed(none)                    // both directions have ended
//
// Back-pressure: a pipe delivers at most its window (limits::buffered_high for a socket, the stream's window for a
// stream) ahead of the credit that was returned. The receiver of bytes calls credit(n) when they have left its own last
// queue, not earlier.
//
// Events: never from inside write(), end(), reset(), credit() or set_handler(): an error in a call is reported as
// on_closed() in a later turn. on_closed() is the last event. on_data() never follows on_end().
//
// Ownership: the holder of the unique_ptr owns the pipe. Inside one of the pipe's own events, bury it in the graveyard
// instead of destroying it. Destroying an open pipe resets it (cancelled) without an event. After on_closed() every
// call is harmless and does nothing.
//
// Thread: the loop's. Source of the half-close rules: RFC 9293 3.6, RFC 9113 5.1.
#pragma once

#include <cstddef>
#include <memory>

#include "base/bytes.h"
#include "base/error.h"

namespace tenfold {

class Duplex {
 public:
  class Handler {
   public:
    // Bytes that arrived. They count against the window until credit() is called for them.
    virtual void on_data(Bytes bytes) = 0;
    // The peer's FIN: no more on_data().
    virtual void on_end() = 0;
    // `n` more bytes of write() have left the queue.
    virtual void on_sent(std::size_t n) = 0;
    // The last event. `why.kind` is none if both directions ended cleanly.
    virtual void on_closed(const Error& why) = 0;

   protected:
    ~Handler() = default;
  };

  virtual ~Duplex() = default;

  // Sets or replaces the handler; null pauses the pipe. The new handler has to credit the bytes that the old one
  // received and did not credit.
  virtual void set_handler(Handler* handler) = 0;

  // Takes all of `bytes`, and copies those that cannot be sent at once; returns how many were sent. After end() or
  // reset() bytes are dropped and count as sent.
  virtual std::size_t write(Bytes bytes) = 0;

  // Bytes of write() that were not yet reported as sent.
  virtual std::size_t queued() const = 0;

  // Sends FIN after the queue. Idempotent.
  virtual void end() = 0;

  // Cuts both directions at once and drops the queue; no more events. `why` is sent to the far side if the pipe can
  // express it: cancelled (visitor gone), unbegun (not processed: retry elsewhere), anything else: broken.
  virtual void reset(ErrorKind why) = 0;

  // `n` delivered bytes have left the receiver's queue; n is at most the bytes delivered and not yet credited.
  virtual void credit(std::size_t n) = 0;
};

}  // namespace tenfold
