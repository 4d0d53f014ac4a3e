// TcpListener: accepts connections and hands each on as a TcpSocket.
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
  using OnAccept = std::function<void(std::unique_ptr<TcpSocket>)>;

  // `address.host` must be an IP (empty: every address of both families). Port 0: the system's choice.
  // Errors (io) name the address and the reason: "127.0.0.1:80: permission denied".
  static Result<std::unique_ptr<TcpListener>> open(Loop& loop, const HostPort& address, OnAccept on_accept);
  ~TcpListener();  // stops listening at once; accepted sockets live on

  std::uint16_t port() const;
  std::string address() const;  // "IP:PORT", with the port that it got

 private:
  TcpListener() = default;
  // IMPLEMENTATION
};

}  // namespace tenfold
