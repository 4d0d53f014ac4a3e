// TcpListener: accepts connections and hands each on as a TcpSocket.
//
//   auto listener = TcpListener::open(loop, {"127.0.0.1", 7080}, [&](std::unique_ptr<TcpSocket> socket) { … });
//   if (!listener) return listener.error();
//
// Accepted sockets have TCP_NODELAY, and keepalive after limits::tcp_keepalive of quiet.
//
// When the process has no file descriptor left, who comes is told so by an immediate close, through a descriptor
// kept in reserve, so that the backlog does not wake the loop for ever; the log says it once a second.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "io/address.h"
#include "io/loop.h"
#include "io/tcp_socket.h"

namespace tenfold {

class TcpListener {
 public:
  // May destroy the listener.
  using OnAccept = std::function<void(std::unique_ptr<TcpSocket>)>;

  // `address.host` must be an IP (empty: every address of both families). Port 0: the system's choice.
  // Errors (io) name the address and the reason: "127.0.0.1:80: permission denied".
  static Result<std::unique_ptr<TcpListener>> open(Loop& loop, const HostPort& address, OnAccept on_accept);
  ~TcpListener();  // stops listening at once; accepted sockets live on

  std::uint16_t port() const;
  std::string address() const;  // "IP:PORT", with the port that it got

 private:
  class Core;
  explicit TcpListener(Core* core) : core_(core) {}

  Core* core_;  // dies in its uv handle's close callback
};

}  // namespace tenfold
