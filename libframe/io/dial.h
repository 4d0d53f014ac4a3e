// Dial: opens a connection to HOST:PORT over TCP, or to a unix socket, within a deadline. libuv's thread pool looks up
// the name; the addresses are tried in turn, each 250 ms after the one before or when that fails (a subset of RFC
// 8305), and the first that answers wins. A unix socket with a full backlog is tried until the deadline.
//
//   dial_ = std::make_unique<Dial>(loop, address, 5s, [this](Result<std::unique_ptr<TcpSocket>> r) { … });
//
// Destroying it cancels without a call. The call never comes from inside the constructor. Errors: dns, refused (also
// for a unix socket without a file), timeout, io; the detail names the address. limit: this process is out of
// descriptors, ports or memory.
#pragma once

#include <functional>
#include <memory>

#include "base/address.h"
#include "base/result.h"
#include "io/loop.h"
#include "io/tcp_socket.h"

namespace tenfold {

class Dial {
 public:
  using OnDone = std::function<void(Result<std::unique_ptr<TcpSocket>>)>;

  Dial(Loop& loop, const Address& address, Duration deadline, OnDone on_done);
  ~Dial();
  Dial(const Dial&) = delete;
  Dial& operator=(const Dial&) = delete;

 private:
  class Attempt;
  std::shared_ptr<Attempt> attempt_;  // shared with libuv's callbacks, which may run after the Dial is destroyed
};

}  // namespace tenfold
