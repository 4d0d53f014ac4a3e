// PartingSockets: TCP connections that were cut while the kernel still had bytes of theirs to send. An immediate RST
// would destroy those bytes, and with them the end of a complete answer. Each connection is kept until the peer's host
// has acknowledged everything, at most limits::parting_kernel; then it is reset (or closed, if its FIN was sent).
//
// Linux has no event for an empty send queue, so each connection is polled: first after 1 ms, then after twice as long
// each time.
//
// Owned by the Loop, on its thread.
#pragma once

#include <cstddef>
#include <vector>

#include "base/timer_queue.h"

namespace tenfold {

class PartingSockets {
 public:
  explicit PartingSockets(TimerQueue& timers) : timers_(timers) {}
  ~PartingSockets();  // resets the remaining ones
  PartingSockets(const PartingSockets&) = delete;
  PartingSockets& operator=(const PartingSockets&) = delete;

  // Takes over the connection of `fd`, which the caller closes, if the kernel has bytes that the peer has not
  // acknowledged. False: there are none, or there is no room; the caller resets it.
  bool take(int fd, bool fin_sent);

  std::size_t size() const { return sockets_.size(); }

 private:
  struct Socket {
    int fd;
    bool fin_sent;
    TimePoint until;
  };
  static void close(const Socket& socket);
  void look();

  TimerQueue& timers_;
  std::vector<Socket> sockets_;
  Duration pause_{};  // until the next poll
  MemberTimer<PartingSockets, &PartingSockets::look> timer_{*this};
};

}  // namespace tenfold
