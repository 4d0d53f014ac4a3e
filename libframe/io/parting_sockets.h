// PartingSockets: TCP connections that were cut while the kernel still had bytes of theirs to send. An RST at once
// would destroy these, and with them the end of an answer that was written whole. Each is kept until the peer's host
// has acknowledged all, at most limits::parting_kernel, and reset (or, when its FIN is out, closed) then.
//
// Linux has no event for an empty send queue, so each is looked at again, after 1 ms first, then twice as long each
// time.
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
  ~PartingSockets();  // resets those that are left
  PartingSockets(const PartingSockets&) = delete;
  PartingSockets& operator=(const PartingSockets&) = delete;

  // Takes over the connection behind `fd`, which the caller closes, if the kernel has bytes of it that the peer has
  // not acknowledged. False: it has none, or there is no room; the caller resets it himself.
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
  Duration pause_{};  // until the next look
  MemberTimer<PartingSockets, &PartingSockets::look> timer_{*this};
};

}  // namespace tenfold
