// The floor of every tunnel that is two processes: what comes in on one side leaves on the other, by read(2), write(2)
// and epoll(7) alone. It looks at no byte, pools nothing and keeps no account; two of these, one behind the other, cost
// what a broker and an agent without encryption cannot save.
//
//   bench_bare_relay PORT         connects to 127.0.0.1:PORT for each connection
//
// Prints "port N", listens on 127.0.0.1:N; runs until it is stopped.
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <string>

#include "bare_sockets.h"

namespace tenfold::bench {
namespace {

int epoll = -1;

// One end of a connection, and what the other end has for it that the kernel did not take yet.
struct End {
  int fd = -1;
  End* other = nullptr;
  std::string waits;
  bool ended = false;  // behind what waits
};

// While something waits for an end, its other end is not read.
void listen_to(const End& end, int how) {
  epoll_event event{};
  event.events = (end.other->waits.empty() && !end.other->ended ? EPOLLIN : 0U) | (end.waits.empty() ? 0U : EPOLLOUT);
  event.data.ptr = const_cast<End*>(&end);
  epoll_ctl(epoll, how, end.fd, &event);
}

// Both ends are gone then.
bool forget(End* end) {
  close(end->fd);
  close(end->other->fd);
  delete end->other;
  delete end;
  return false;
}

void settle(End& to) {
  if (to.waits.empty() && to.ended) shutdown(to.fd, SHUT_WR);
  listen_to(to, EPOLL_CTL_MOD);
  listen_to(*to.other, EPOLL_CTL_MOD);
}

// These two return whether the connection still stands.
bool carry(End* from) {
  static std::array<char, 65536> room;
  End& to = *from->other;
  const ssize_t n = read(from->fd, room.data(), room.size());
  if (n < 0) return errno == EAGAIN || forget(from);
  if (n == 0) {
    if (from->ended) return forget(from);
    to.ended = true;
    settle(to);
    return true;
  }
  const auto size = static_cast<std::size_t>(n);
  const ssize_t gone = write(to.fd, room.data(), size);
  if (gone == n) return true;
  if (gone < 0 && errno != EAGAIN) return forget(from);
  const auto taken = static_cast<std::size_t>(gone < 0 ? 0 : gone);
  to.waits.assign(room.data() + taken, size - taken);
  settle(to);
  return true;
}

bool go_on(End* to) {
  const ssize_t gone = write(to->fd, to->waits.data(), to->waits.size());
  if (gone < 0) return errno == EAGAIN || forget(to);
  to->waits.erase(0, static_cast<std::size_t>(gone));
  if (to->waits.empty()) settle(*to);
  return true;
}

void accept_one(int listener, int port) {
  const int near = accept4(listener, nullptr, nullptr, 0);
  if (near < 0) return;
  const int far = connect_to(port);
  if (far < 0) {
    close(near);
    return;
  }
  for (const int fd : {near, far}) make_eager(fd);
  auto* one = new End{near, nullptr, {}, false};
  auto* two = new End{far, one, {}, false};
  one->other = two;
  listen_to(*one, EPOLL_CTL_ADD);
  listen_to(*two, EPOLL_CTL_ADD);
}

}  // namespace

[[noreturn]] void relay(int port) {
  epoll = epoll_create1(0);
  const int listener = listen_on_any_port();
  epoll_event event{};
  event.events = EPOLLIN;
  must_work(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) == 0, "epoll_ctl");

  std::array<epoll_event, 256> events{};
  while (true) {
    const int n = epoll_wait(epoll, events.data(), events.size(), -1);
    // Whoever is forgotten may have more events in here: what is left of them comes again.
    for (int i = 0; i < n; ++i) {
      const epoll_event& one = events[static_cast<std::size_t>(i)];
      auto* end = static_cast<End*>(one.data.ptr);
      if (end == nullptr) {
        accept_one(listener, port);
      } else if (!((one.events & EPOLLOUT) != 0 ? go_on(end) : carry(end))) {
        break;
      }
    }
  }
}

}  // namespace tenfold::bench

int main(int count, char** arguments) {
  const int port = count == 2 ? std::atoi(arguments[1]) : 0;
  if (port <= 0) {
    std::fputs("usage: bench_bare_relay PORT\n", stderr);
    return 2;
  }
  tenfold::bench::relay(port);
}
