// Link: one end of tenfold/1 after its handshake: HTTP/2 (RFC 9113) with the roles
// turned round. The broker is the HTTP/2 client and opens streams; the agent is the
// server and answers them. Stream 1 carries the control messages.
//
//   Link link(runtime, Link::Role::broker, options, handler);
//   link.receive(bytes);                    // from the transport; events come from inside
//   link.take_output(room, transport);      // when on_link_output() says so
//   auto stream = link.open_stream(target); // broker only
//   link.send(message);
//   link.close();                           // GOAWAY behind what is queued
//
// Pure: bytes in, bytes and events out; deadlines stand in the runtime's timers. Events are gathered while
// nghttp2 runs and handed out after it returned, so a handler may call anything here, but
// must not destroy the link from inside an event (bury it).
//
// Ownership: the link knows its streams, whoever got the unique_ptr owns them. A stream may outlive
// its link: it hears on_closed() and is inert from then on.
//
// Flow control: a byte's connection credit returns on arrival, its stream credit when
// the holder credit()s it. Fairness: deficit round robin over the streams that have
// something to send and window to send it in, limits::stream_quantum each.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/runtime.h"
#include "duplex.h"

namespace tenfold::control {
class ControlMessage;
}

namespace tenfold {

class LinkStream;

// Who a stream is for.
struct StreamTarget {
  std::string_view name;  // the tunnel's: `:authority`
  std::string_view peer;  // IP:PORT of the visitor: `tenfold-peer`; empty: left out
  // Between replicas only. The version of the visitors' rules that the opener has checked: `tenfold-policy`.
  std::uint64_t policy = 0;
};

struct LinkOptions {
  std::uint32_t max_streams = limits::link_streams;  // that we open, or let the peer open
  std::uint32_t stream_window = limits::stream_window;
  std::uint32_t stream_window_most = limits::stream_window_most;
  std::uint32_t link_window = limits::link_window;
  Duration ping_every = limits::ping_every;
  std::int32_t last_stream_id = limits::last_stream_id;  // can_open() is false from there on
  std::size_t held_most = limits::tunnel_buffered_most;  // of streams' bytes: more for more streams
  // A link between replicas: every stream says that it is the one hop that there may be, and which rules were checked;
  // an answer may be 421; control messages are Welcome, Drain and Goodbye, from either side. On any other link these
  // fields and words are not written, and are ignored where they come.
  bool peers = false;
};

struct LinkStats {
  std::uint32_t streams = 0;         // open now, the control stream left out
  std::uint64_t streams_opened = 0;  // ever
  std::size_t bytes_queued = 0;      // written by streams' holders, not yet in a frame
  std::size_t bytes_held = 0;        // arrived for streams' holders, and not credited by them yet
  Duration rtt{};                    // of the last PING; zero before the first answer
  std::int32_t send_window = 0;      // the connection's, in bytes that may still be sent
  std::int32_t unreturned = 0;       // bytes that arrived and whose connection credit is still to be returned
  std::uint64_t window_waits = 0;    // times that a stream with something to send had no window left for it
};

class Link {
 public:
  enum class Role { broker, agent };

  class Handler {
   public:
    // Agent only: the broker opened a stream. Its handler is null, so it is paused; answer with
    // accept() or refuse().
    virtual void on_link_stream(std::unique_ptr<LinkStream> stream) = 0;
    // A whole message came on the control stream.
    virtual void on_control(const control::ControlMessage& message) = 0;
    // There is output where there was none: call take_output() before the turn ends, not from in here, or as soon as
    // the transport can take more; the link says so anew only after a take_output() that left nothing. A new link has
    // some from the start, and does not say so.
    virtual void on_link_output() = 0;
    // The peer takes no new stream (GOAWAY): those that run go on.
    virtual void on_link_draining() = 0;
    // Broker only: open_stream() failed with `limit` before, and there is a place now: a stream has ended, or the peer
    // allows more. Comes once for all such calls, in a later turn than what freed the place.
    virtual void on_link_room() {}
    // The last event; every stream that was not paused has heard its on_closed(). After a protocol error there is
    // still output to take: the GOAWAY that tells the peer why.
    virtual void on_link_closed(const Error& why) = 0;

   protected:
    ~Handler() = default;
  };

  Link(Runtime& runtime, Role role, const LinkOptions& options, Handler& handler);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // What came from the transport. Everything is taken; what is held of it is bounded by
  // the windows. Nothing is taken after the link closed.
  void receive(Bytes bytes);

  // The transport ended: by FIN or by failure. Closes the link.
  void end_of_input(const Error& why);

  class Output {
   public:
    // The next bytes for the transport, to be read or copied during the call: whole frames.
    virtual void on_link_bytes(Bytes bytes) = 0;

   protected:
    ~Output() = default;
  };
  // Gives whole frames away, at most room.size() bytes of them (at least limits::flush_small); returns how many, 0 when
  // nothing is ready. Small frames are gathered in `room`, large ones stand where their stream has them. One call is
  // one write of the transport, in pieces. Streams hear on_sent() from inside it; nothing but want_output() tells of
  // what is left when it was not 0.
  std::size_t take_output(MutableBytes room, Output& output);
  bool want_output() const;

  // Broker only. `limit`: this link carries as many streams as it may; `closed`: it
  // takes none any more. The first bytes may be written at once.
  Result<std::unique_ptr<LinkStream>> open_stream(const StreamTarget& target);
  bool can_open() const;
  // Broker only. False: no stream is opened any more, whatever ends.
  bool takes_streams() const;
  // How many streams there may be at once, as both sides allow now.
  std::size_t most_streams() const;

  // A control message; dropped when the link is closed.
  void send(const control::ControlMessage& message);

  // Takes no new stream, lets those that run finish, then closes with GOAWAY. An agent says so at once by a GOAWAY
  // behind the control messages that were sent before.
  void drain();

  // From now on streams have small windows, as if too much were held already; or as they were. The latter takes a
  // while.
  void squeeze(bool on);

  // GOAWAY now; streams that still run are cut. on_link_closed() comes in a later turn.
  void close();

  bool closed() const;
  LinkStats stats() const;
  // Of the last PING; zero before the first answer.
  Duration rtt() const;

 private:
  friend class LinkStream;
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace tenfold
