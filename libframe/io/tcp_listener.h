// TcpListener: accepts connections at a TCP port or a unix socket, and passes each on as a TcpSocket.
//
//   auto listener = TcpListener::open(loop, {"127.0.0.1", 7080}, [&](std::unique_ptr<TcpSocket> socket) { … });
//   if (!listener) return listener.error();
//
// A socket that another process listens on, too, is adopted: both accept from one queue, so that one can take over from
// the other without a connection lost.
//
// Sockets accepted over TCP have TCP_NODELAY, and keepalive after limits::tcp_keepalive of quiet.
//
// When the process is out of descriptors, a new connection is accepted through a reserved descriptor and closed at
// once, so that the backlog does not wake the loop forever. The log says so once a second.
#pragma once

#include <functional>
#include <memory>

#include "base/address.h"
#include "base/result.h"
#include "io/loop.h"
#include "io/tcp_socket.h"

namespace tenfold {

class TcpListener {
 public:
  static constexpr unsigned default_unix_mode = 0660;  // owner and group may connect

  // May destroy the listener.
  using OnAccept = std::function<void(std::unique_ptr<TcpSocket>)>;

  // `address.host` must be an IP (empty: every address of both families). Port 0: chosen by the system. A unix socket's
  // file is made with `unix_mode`; a file left by a dead process is replaced. Errors (io) name the address and the
  // reason: "127.0.0.1:80: permission denied".
  static Result<std::unique_ptr<TcpListener>> open(Loop& loop, const Address& address, OnAccept on_accept,
                                                   unsigned unix_mode = default_unix_mode);
  // A socket that listens already (io/inherited_sockets.h), and is the listener's from now on, also if this fails. A
  // unix socket's file stays when the listener goes, for it is not this process's.
  static Result<std::unique_ptr<TcpListener>> adopt(Loop& loop, int fd, OnAccept on_accept);
  // Stops listening at once, and removes the file of a unix socket that it opened; accepted sockets live on.
  ~TcpListener();

  // Passes on what the system has accepted by now: closing would reset it. Before the end, from outside of OnAccept.
  void accept_rest();

  std::uint16_t port() const;  // 0 for a unix socket
  Address address() const;     // with the port that the system chose

 private:
  class Core;
  explicit TcpListener(Core* core) : core_(core) {}

  Core* core_;  // destroyed in its uv handle's close callback
};

}  // namespace tenfold
