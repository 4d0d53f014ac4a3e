// TcpSocket: a TCP or unix socket connection as a Duplex. Writes go to the kernel directly while it has room
// (uv_try_write); the rest waits in blocks and is written gathered. Reads use the loop's shared buffer, so an idle
// socket holds none.
//
// A unix socket has no RST: when it is cut, its peer reads the bytes sent before and then an end, or a reset if bytes
// from the peer were left unread. Options that tune TCP have no effect on it.
//
// The wrapper may be destroyed at any time; the uv handle detaches and is destroyed in its close callback.
#pragma once

#include "base/address.h"
#include "base/time.h"
#include "duplex.h"
#include "io/loop.h"

namespace tenfold {

class TcpSocket final : public Duplex {
 public:
  ~TcpSocket() override;

  void set_handler(Handler* handler) override;
  std::size_t write(Bytes bytes) override;
  std::size_t queued() const override;
  void end() override;
  // Sends an RST, unless our FIN was sent already, or the connection was idle (nothing unsent or uncredited) and is
  // only no longer needed (cancelled). Bytes that the kernel has taken are sent first (parting_sockets.h); other bytes
  // are dropped.
  void reset(ErrorKind why) override;
  void credit(std::size_t n) override;

  // The peer of an established connection: an IP and a port, or a unix socket; a unix client has no name.
  const Address& peer() const;
  Address local() const;

  // TCP_NODELAY is always on. The following are for sockets between agent and broker.
  void set_notsent_lowat(int bytes);
  void set_user_timeout(Duration timeout);
  // SO_KEEPALIVE: probes after this quiet time, so that NATs keep the connection, and a dead one ends.
  void set_keepalive(Duration quiet);

  // How many bytes it reads ahead of the credit; initially limits::buffered_high.
  void set_window(std::size_t bytes);

 private:
  friend class TcpListener;
  friend class Dial;
  class Core;

  explicit TcpSocket(Core* core);

  Core* core_;  // released by the destructor; the uv handle may hold it longer
};

}  // namespace tenfold
