// SocketNetwork: the real Network: TCP, unix and TLS sockets on a loop.
#pragma once

#include "agent/targets/network.h"
#include "io/loop.h"

namespace tenfold {

class SocketNetwork final : public Network {
 public:
  explicit SocketNetwork(Loop& loop) : loop_(loop) {}

  std::unique_ptr<Dialing> dial(const DialTo& to, OnDialed on_dialed) override;
  std::unique_ptr<DrivenLink> drive(std::unique_ptr<Duplex> transport, Link::Handler& handler) override;

 private:
  Loop& loop_;
};

}  // namespace tenfold
