// TcpSocket: a TCP connection, or one of a unix socket, as a Duplex. Writes go to the kernel at once while it
// takes them (uv_try_write); the rest waits in blocks and goes gathered. Reads use the loop's one
// room, so an idle socket holds no buffer.
//
// A unix socket has no RST: whatever cuts it, its peer reads what was sent before and then an end, or a cut where bytes
// of his were left unread. What tunes TCP changes nothing there.
//
// The wrapper may die at any time; the uv handle detaches and dies in its close callback.
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
  // With an RST, unless our FIN is out already, or the connection was idle (nothing unsent or
  // uncredited) and is only not wanted any more (cancelled). What the kernel took before goes first
  // (parting_sockets.h); what it did not is dropped.
  void reset(ErrorKind why) override;
  void credit(std::size_t n) override;

  // Of a connection that is up: an IP and a port, or a unix socket; a client of one has no name there.
  const Address& peer() const;
  Address local() const;

  // TCP_NODELAY is always on. These are for sockets between agent and broker.
  void set_notsent_lowat(int bytes);
  void set_user_timeout(Duration timeout);
  // SO_KEEPALIVE: probes after so much quiet, so that no NAT on the way forgets the connection, and a dead one ends.
  void set_keepalive(Duration quiet);

  // How far ahead of the credit it reads; limits::buffered_high from the start.
  void set_window(std::size_t bytes);

 private:
  friend class TcpListener;
  friend class Dial;
  class Core;

  explicit TcpSocket(Core* core);

  Core* core_;  // lets go of it in the destructor; the uv handle may hold it longer
};

}  // namespace tenfold
