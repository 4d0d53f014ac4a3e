// Duplex: a byte pipe with two ends, the one interface that joins the parts of the
// house. A TCP socket is one, a TLS socket, a stream of a link; what holds one
// does not know which.
//
//   pipe->set_handler(&me);            // from here on it reads
//   n = pipe->write(head);             // n bytes are gone already, on_sent() tells of the rest
//   on_data(bytes) -> ...              // mine to read during the call
//   pipe->credit(bytes.size());        // these have left my hands: let as many more come
//   pipe->end();                       // FIN; the other way goes on
//   on_end()                           // theirs
//   on_closed(none)                    // both ways are done
//
// Back-pressure: a pipe delivers at most its window (limits::buffered_high for a
// socket, the stream's window for a stream) ahead of the credit that it got back. Whoever
// takes bytes calls credit(n) when they have left its own last queue, no sooner.
//
// Events: never from inside write(), end(), reset(), credit() or set_handler(): an
// error that a call meets surfaces as on_closed() in a later turn. After on_closed()
// nothing more is heard. on_data() never follows on_end().
//
// Ownership: whoever holds the unique_ptr owns the pipe. Inside one of the pipe's own events,
// lay it in the graveyard instead of destroying it. Destroying an open pipe resets it
// (cancelled) without an event. After on_closed() every call is harmless and does nothing.
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
    // Bytes that arrived. They count against the window until credit()ed.
    virtual void on_data(Bytes bytes) = 0;
    // The peer's FIN: no more on_data().
    virtual void on_end() = 0;
    // `n` bytes of what write() kept have now left the queue.
    virtual void on_sent(std::size_t n) = 0;
    // The last event. `why.kind` is none when both ways ended cleanly.
    virtual void on_closed(const Error& why) = 0;

   protected:
    ~Handler() = default;
  };

  virtual ~Duplex() = default;

  // Sets, or changes, who hears the events; null pauses the pipe. The bytes that the
  // former handler took and has not credited stay for the new one to credit.
  virtual void set_handler(Handler* handler) = 0;

  // Takes all of `bytes`, copying what cannot go at once; returns how many went.
  // Nothing after end() or reset(): those bytes are dropped and count as gone.
  virtual std::size_t write(Bytes bytes) = 0;

  // What write() kept and on_sent() has not told of yet.
  virtual std::size_t queued() const = 0;

  // FIN behind what is queued. Idempotent.
  virtual void end() = 0;

  // Cuts both ways at once and drops what is queued; no further event. `why` is what
  // the far side is told where the pipe can say it: cancelled (visitor gone),
  // unbegun (nothing was done: try elsewhere), anything else: broken.
  virtual void reset(ErrorKind why) = 0;

  // `n` delivered bytes have left the far queue; n <= delivered and not yet credited.
  virtual void credit(std::size_t n) = 0;
};

}  // namespace tenfold
