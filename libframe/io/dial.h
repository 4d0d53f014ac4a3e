// Dial: a connection to HOST:PORT over TCP, or to a unix socket, within a deadline. A name is looked up on libuv's
// thread pool; its addresses are tried in turn, the next one 250 ms after the one before it or at its failure
// (RFC 8305 in short), and the first that answers wins. A unix socket whose backlog is full is tried until the
// deadline.
//
//   dial_ = std::make_unique<Dial>(loop, address, 5s, [this](Result<std::unique_ptr<TcpSocket>> r) { … });
//
// Destroying it cancels without a call. The call never comes from inside the constructor. Errors: dns, refused (a unix
// socket whose file is missing, too), timeout, io; the detail names the address. limit: this process has no descriptor,
// port or memory to spare.
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
  std::shared_ptr<Attempt> attempt_;  // shared with libuv's callbacks, which may come after the Dial is gone
};

}  // namespace tenfold
