// The floor of a classic tunnel: so many sockets to the far side stand, each carries one visitor's request at a time,
// and who finds none free waits. As bench_bare_relay, which is to stand behind it, it looks at no byte: what a visitor
// sends at once is a request, and an answer has the size that it is told. Good for a load of that kind only.
//
//   bench_bare_pool PORT SOCKETS ANSWER    connects to 127.0.0.1:PORT; answers of so many bytes
//
// Prints "port N", listens on 127.0.0.1:N; runs until it is stopped.
#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bare_sockets.h"

namespace tenfold::bench {
namespace {

// A visitor, or a socket of the pool.
struct End {
  int fd = -1;
  bool pooled = false;
  End* other = nullptr;  // whom its present request, or answer, is of
  std::string waits;     // a visitor's request that found no socket free
  std::size_t left = 0;  // of a pooled one's answer
};

class Pool {
 public:
  Pool(int port, int sockets, std::size_t answer) : port_(port), answer_(answer), unopened_(sockets) {
    watch(listener_, nullptr);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    while (true) {
      const int n = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < n; ++i) {
        auto* end = static_cast<End*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (end == nullptr) {
          if (const int fd = accept4(listener_, nullptr, nullptr, 0); fd >= 0) add(fd, false);
        } else if (end->pooled) {
          answer(*end);
        } else if (end->fd >= 0) {
          ask(*end);
        }
      }
      // Not sooner: there may be an event of theirs in the same turn.
      if (std::exchange(some_left_, false)) std::erase_if(ends_, [](const auto& end) { return end->fd < 0; });
    }
  }

 private:
  void watch(int fd, End* end) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = end;
    must_work(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
  }

  End* add(int fd, bool pooled) {
    make_eager(fd);
    ends_.push_back(std::make_unique<End>());
    End* end = ends_.back().get();
    end->fd = fd;
    end->pooled = pooled;
    watch(fd, end);
    return end;
  }

  void send_on(End& pooled, End& visitor, const char* request, std::size_t size) const {
    pooled.other = &visitor;
    visitor.other = &pooled;
    pooled.left = answer_;
    must_work(write(pooled.fd, request, size) == static_cast<ssize_t>(size), "write");
  }

  void ask(End& visitor) {
    const ssize_t n = read(visitor.fd, room_.data(), room_.size());
    if (n <= 0) return forget(visitor);
    // Not sooner: servers close connections on which nobody says a word.
    if (free_.empty() && unopened_ != 0) {
      --unopened_;
      const int fd = connect_to(port_);
      must_work(fd >= 0, "connect");
      free_.push_back(add(fd, true));
    }
    if (free_.empty()) {
      visitor.waits.assign(room_.data(), static_cast<std::size_t>(n));
      waiting_.push_back(&visitor);
      return;
    }
    End* pooled = free_.back();
    free_.pop_back();
    send_on(*pooled, visitor, room_.data(), static_cast<std::size_t>(n));
  }

  void answer(End& pooled) {
    const ssize_t n = read(pooled.fd, room_.data(), room_.size());
    must_work(n > 0 && static_cast<std::size_t>(n) <= pooled.left, "an answer of another size");
    pooled.left -= static_cast<std::size_t>(n);
    // A visitor of this load reads what it asked for, or has gone.
    if (pooled.other != nullptr && write(pooled.other->fd, room_.data(), static_cast<std::size_t>(n)) != n) {
      forget(*pooled.other);
    }
    if (pooled.left != 0) return;
    if (pooled.other != nullptr) pooled.other->other = nullptr;
    pooled.other = nullptr;
    if (waiting_.empty()) return free_.push_back(&pooled);
    End* next = waiting_.front();
    waiting_.pop_front();
    send_on(pooled, *next, next->waits.data(), next->waits.size());
  }

  void forget(End& visitor) {
    if (visitor.other != nullptr) visitor.other->other = nullptr;
    std::erase(waiting_, &visitor);
    close(visitor.fd);
    visitor.fd = -1;
    some_left_ = true;
  }

  const int epoll_ = epoll_create1(0);
  const int listener_ = listen_on_any_port();
  const int port_;
  const std::size_t answer_;
  int unopened_;            // sockets of the pool
  bool some_left_ = false;  // visitors, in this turn
  std::vector<std::unique_ptr<End>> ends_;
  std::vector<End*> free_;
  std::deque<End*> waiting_;
  std::array<char, 65536> room_{};
};

}  // namespace
}  // namespace tenfold::bench

int main(int count, char** arguments) {
  const int port = count == 4 ? std::atoi(arguments[1]) : 0;
  const int sockets = count == 4 ? std::atoi(arguments[2]) : 0;
  const long answer = count == 4 ? std::atol(arguments[3]) : 0;
  if (port <= 0 || sockets <= 0 || answer <= 0) {
    std::fputs("usage: bench_bare_pool PORT SOCKETS ANSWER\n", stderr);
    return 2;
  }
  tenfold::bench::Pool(port, sockets, static_cast<std::size_t>(answer)).run();
}
