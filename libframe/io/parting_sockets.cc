#include "io/parting_sockets.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "base/limits.h"

namespace tenfold {
namespace {

constexpr Duration first_look = 1ms;
constexpr Duration longest_pause = 100ms;

// Bytes in the kernel that the peer's host has not acknowledged; none if the connection has ended.
bool has_unsent(int fd) {
  int bytes = 0;
  return ::ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

}  // namespace

void PartingSockets::close(const Socket& socket) {
  const linger at_once{1, 0};
  if (!socket.fin_sent) ::setsockopt(socket.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(socket.fd);
}

PartingSockets::~PartingSockets() {
  for (const Socket& socket : sockets_) close(socket);
}

bool PartingSockets::take(int fd, bool fin_sent) {
  if (!has_unsent(fd) || sockets_.size() >= limits::parting_sockets) return false;
  const int own = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return false;
  sockets_.push_back({own, fin_sent, timers_.now() + limits::parting_kernel});
  pause_ = first_look;
  timers_.arm_in(timer_, pause_);
  return true;
}

void PartingSockets::look() {
  std::erase_if(sockets_, [this](const Socket& socket) {
    if (timers_.now() < socket.until && has_unsent(socket.fd)) return false;
    close(socket);
    return true;
  });
  pause_ = std::min(pause_ * 2, longest_pause);
  if (!sockets_.empty()) timers_.arm_in(timer_, pause_);
}

}  // namespace tenfold
