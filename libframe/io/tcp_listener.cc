#include "io/tcp_listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "base/limits.h"
#include "io/socket_address.h"
#include "io/socket_file.h"
#include "io/tcp_core.h"

namespace tenfold {
namespace {

constexpr int backlog = 4096;        // the kernel caps it at net.core.somaxconn
constexpr int accepts_a_turn = 64;   // then other events are handled
constexpr Duration warn_every = 1s;  // about a lack of descriptors
constexpr Duration rest = 100ms;     // pause after a failure that does not concern one connection
constexpr int probe_every = 10;      // seconds, after a connection was quiet for limits::tcp_keepalive
constexpr int probes = 6;            // without an answer: then the connection is dead

int open_socket(int family) { return ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

// Accepted sockets inherit these options: a few calls per listener, none per connection. A visitor may be silent for an
// hour, but a connection whose host is gone must end earlier.
void tune(int fd) {
  const int on = 1;
  const int idle = static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(limits::tcp_keepalive).count());
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &probe_every, sizeof probe_every);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

// Returns the listening TCP socket, or -1 with errno set.
int listen_on(const sockaddr_storage& at, bool both_families) {
  const int fd = open_socket(at.ss_family);
  if (fd < 0) return -1;
  const int on = 1;
  const int v6_only = both_families ? 0 : 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  tune(fd);
  if (at.ss_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&at), size_of(at)) == 0 && ::listen(fd, backlog) == 0) return fd;
  const int why = errno;
  ::close(fd);
  errno = why;
  return -1;
}

// A listening socket, and the file of a unix one.
struct Listening {
  int fd;
  std::unique_ptr<SocketFile> file;
};

Error failed(const Address& address, const std::string& why) {
  return {ErrorKind::io, to_string(address) + ": " + why};
}

Result<Listening> listen_at_ip(const Address& address) {
  sockaddr_storage at;
  const bool any = address.host.empty();
  if (!to_sockaddr(any ? Address{"::", address.port} : address, at)) return failed(address, "not an IP address");
  int fd = listen_on(at, any);
  if (fd < 0 && any && errno == EAFNOSUPPORT && to_sockaddr({"0.0.0.0", address.port}, at)) fd = listen_on(at, false);
  if (fd < 0) return failed(address, system_reason(errno));
  return Listening{fd, nullptr};
}

Result<Listening> listen_at_path(const Address& address, unsigned mode) {
  const int fd = open_socket(AF_UNIX);
  if (fd < 0) return failed(address, system_reason(errno));
  Result<std::unique_ptr<SocketFile>> file = SocketFile::bind(fd, *address.path, mode);
  if (file && ::listen(fd, backlog) == 0) return Listening{fd, *std::move(file)};
  const Error why = file ? failed(address, system_reason(errno)) : file.error();
  ::close(fd);
  return why;
}

int open_reserve() { return ::open("/", O_RDONLY | O_CLOEXEC); }

}  // namespace

class TcpListener::Core {
 public:
  Core(Loop& loop, Listening listening, OnAccept on_accept)
      : loop_(loop),
        fd_(listening.fd),
        file_(std::move(listening.file)),
        reserve_(open_reserve()),
        on_accept_(std::move(on_accept)) {
    uv_poll_init_socket(loop.uv(), &poll_, fd_);
    poll_.data = this;
    listen();
  }

  void close() {
    open_ = false;
    loop_.runtime().timers.disarm(rested_);
    uv_close(reinterpret_cast<uv_handle_t*>(&poll_),
             [](uv_handle_t* handle) { delete static_cast<Core*>(handle->data); });
    file_ = nullptr;  // first: a file without a listening process must not remain
    ::close(fd_);
    if (reserve_ >= 0) ::close(reserve_);
  }

  void accept_rest() {
    for (int left = backlog; left != 0 && open_ && accept(); --left) {
    }
  }

  Address address() const {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    return address_of(address);
  }

 private:
  void listen() {
    uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* handle, int, int) {
      Core& core = *static_cast<Core*>(handle->data);
      for (int left = accepts_a_turn; left != 0 && core.open_; --left) {
        const Loop::Callback callback(core.loop_);
        if (!core.accept()) break;
      }
    });
  }

  // Returns whether another connection may be waiting.
  bool accept() {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      hand_on(fd, peer);
      return true;
    }
    switch (errno) {
      case EAGAIN: return false;
      case EINTR:
      case ECONNABORTED:  // the peer left before it was accepted
      case EPROTO: return true;
      case EMFILE:
      case ENFILE: return turn_away(errno);
      default: return rest_from(errno);
    }
  }

  void hand_on(int fd, const sockaddr_storage& peer) {
    auto* socket = new TcpSocket::Core(loop_);
    if (uv_tcp_open(socket->tcp(), fd) != 0) {
      ::close(fd);
      socket->release();
      return;
    }
    socket->open(address_of(peer));
    on_accept_(std::unique_ptr<TcpSocket>(new TcpSocket(socket)));
  }

  // Out of descriptors: gives up the reserve to accept one connection and close it at once.
  bool turn_away(int error) {
    warn(error);
    if (reserve_ < 0) return rest_from(error);
    ::close(reserve_);
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) ::close(fd);
    reserve_ = open_reserve();
    return fd >= 0;
  }

  bool rest_from(int error) {
    warn(error);
    uv_poll_stop(&poll_);
    loop_.runtime().timers.arm_in(rested_, rest);
    return false;
  }

  void on_rested() {
    if (reserve_ < 0) reserve_ = open_reserve();
    listen();
  }

  void warn(int error) {
    const Runtime& runtime = loop_.runtime();
    if (warned_ != TimePoint{} && runtime.now() < warned_ + warn_every) return;
    warned_ = runtime.now();
    runtime.log.warn("accept failed", {{"listener", to_string(address())}, {"reason", system_reason(error)}});
  }

  Loop& loop_;
  const int fd_;
  std::unique_ptr<SocketFile> file_;  // of a unix socket that is this process's own
  int reserve_;                       // a spare descriptor; -1: none could be opened
  bool open_ = true;
  TimePoint warned_{};
  OnAccept on_accept_;
  MemberTimer<Core, &Core::on_rested> rested_{*this};
  uv_poll_t poll_;
};

Result<std::unique_ptr<TcpListener>> TcpListener::open(Loop& loop, const Address& address, OnAccept on_accept,
                                                       unsigned unix_mode) {
  Result<Listening> listening = address.is_unix() ? listen_at_path(address, unix_mode) : listen_at_ip(address);
  if (!listening) return listening.error();
  return std::unique_ptr<TcpListener>(new TcpListener(new Core(loop, *std::move(listening), std::move(on_accept))));
}

Result<std::unique_ptr<TcpListener>> TcpListener::adopt(Loop& loop, int fd, OnAccept on_accept) {
  // Of two processes that accept from one queue, one finds it empty, and must not wait there.
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    const Error error{ErrorKind::io, "descriptor " + std::to_string(fd) + ": " + system_reason(errno)};
    ::close(fd);
    return error;
  }
  sockaddr_storage at{};
  socklen_t length = sizeof at;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length) == 0 && at.ss_family != AF_UNIX) tune(fd);
  return std::unique_ptr<TcpListener>(new TcpListener(new Core(loop, {fd, nullptr}, std::move(on_accept))));
}

TcpListener::~TcpListener() { core_->close(); }

void TcpListener::accept_rest() { core_->accept_rest(); }

std::uint16_t TcpListener::port() const { return core_->address().port; }

Address TcpListener::address() const { return core_->address(); }

}  // namespace tenfold
