// ServerConnection: the server's end of one HTTP/2 connection (RFC 9113) on the public side. It turns the bytes of a
// Duplex into requests, each an http::ServerStream.
//
//   ServerConnection connection(runtime, owner, std::move(pipe), options);
//   connection.start();                  // SETTINGS goes out; from here on it reads
//   on_request(stream) …                 // see http/server_stream.h; answer now or later
//   connection.drain();                  // GOAWAY, and another one after a round trip; current requests are answered
//   on_connection_closed(connection)     // the last event; bury it
//
// nghttp2 resets a stream with a malformed head (RFC 9113 8.1.1); it is not reported. A well-formed head that cannot be
// served is reported by on_fault() and answered like a request. A peer that breaks the protocol of the connection,
// floods it or resets too many streams gets a GOAWAY; each of its requests then gets on_gone().
//
// Waits (http::Patience): `head` for the client's preface, `keep_alive` without a request, `body_idle` and
// `stream_idle` for a request's body before its answer and for an upgraded stream, `reader_idle` for a client that
// reads nothing of what is queued for it, `half_close` for answers after its FIN.
//
// Back-pressure: the connection's credit returns on arrival, a stream's when its handler credits. Output waits in its
// stream's queue until the client's windows and the pipe take it; streams with output take turns.
//
// Ownership: the owner destroys it after on_connection_closed(), or earlier: then the destructor calls on_gone() of
// each open stream and on_closed() of each upgraded pipe, if it has a handler. It must not be destroyed from inside one
// of its events (bury it). on_connection_closed() comes after the last call or event of every stream.
//
// Thread: the loop's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/runtime.h"
#include "duplex.h"
#include "http/head.h"
#include "http/patience.h"
#include "http/server_stream.h"

namespace tenfold::http2 {

struct ServerOptions {
  http::Patience patience = {.keep_alive = limits::keep_alive_idle_h2};
  std::string_view scheme = "https";  // the scheme that requests must have; a literal
  std::uint32_t max_streams = limits::h2_streams;
  std::uint32_t stream_window = limits::h2_stream_window;
  std::uint32_t connection_window = limits::h2_connection_window;
};

class ServerConnection {
 public:
  class Owner {
   public:
    // Extended CONNECT arrives as GET with Upgrade, and may be upgraded. Plain CONNECT arrives unchanged: its target is
    // an authority.
    virtual void on_request(http::ServerStream& stream) = 0;
    // The head cannot be served. head() shows the readable part; answer with `fault.status`, or abort.
    virtual void on_fault(http::ServerStream& stream, const http::Fault& fault, http::Limit limit) = 0;
    virtual void on_connection_closed(ServerConnection& connection) = 0;

   protected:
    ~Owner() = default;
  };

  ServerConnection(Runtime& runtime, Owner& owner, std::unique_ptr<Duplex> pipe, const ServerOptions& options);
  ~ServerConnection();
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  // `early`: delivered by the pipe before start() and not credited. Its requests are reported from inside the call.
  void start(Bytes early = {});

  void drain();

  // Sends GOAWAY now; current requests are cut. Their on_gone() comes in a later turn.
  void end_now();

  // Open requests and upgraded streams.
  std::size_t streams() const;

 private:
  class Core;
  friend class Stream;
  std::unique_ptr<Core> core_;
};

}  // namespace tenfold::http2
