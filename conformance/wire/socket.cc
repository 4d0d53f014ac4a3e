// Sockets for the cases: see socket.h. Descriptors are non-blocking, so that every wait is a poll() with a deadline.
#include "conformance/wire/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "conformance/wire/tls.h"

namespace tenfold::conformance {
namespace {

std::string errno_text(const std::string& what) { return what + ": " + std::strerror(errno); }

bool ready(int fd, short events, Millis within) {
  pollfd poll_fd{fd, events, 0};
  return poll(&poll_fd, 1, static_cast<int>(within.count())) > 0;
}

Endpoint name_of(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (ask(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo(reinterpret_cast<sockaddr*>(&storage), size, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return {};
  }
  return {host, static_cast<std::uint16_t>(std::stoi(port))};
}

struct AddressList {
  AddressList(const std::string& host, std::uint16_t port) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    const int result = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &first);
    if (result != 0) throw Lost(host + ": " + gai_strerror(result));
  }
  ~AddressList() { freeaddrinfo(first); }
  AddressList(const AddressList&) = delete;
  AddressList& operator=(const AddressList&) = delete;
  addrinfo* first = nullptr;
};

int open_socket(int family) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) fail(errno_text("socket"));
  return fd;
}

}  // namespace

std::string to_string(const Endpoint& endpoint) {
  const bool v6 = endpoint.host.find(':') != std::string::npos;
  return (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

Socket::Socket() = default;
Socket::Socket(int fd) : fd_(fd) {
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
Socket::~Socket() { close(); }
Socket::Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), tls_(std::move(other.tls_)) {}
Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    tls_ = std::move(other.tls_);
  }
  return *this;
}

Socket Socket::connect(const Endpoint& to, const std::string& source, Deadline deadline) {
  const AddressList addresses(to.host, to.port);
  std::string why = "no address";
  for (const addrinfo* address = addresses.first; address != nullptr; address = address->ai_next) {
    Socket socket(open_socket(address->ai_family));
    if (!source.empty() && address->ai_family == AF_INET) {
      sockaddr_in from{};
      from.sin_family = AF_INET;
      inet_pton(AF_INET, source.c_str(), &from.sin_addr);
      // Without it bind() reserves a port exclusively, and thousands of visitors exhaust them.
      const int on = 1;
      setsockopt(socket.fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
      if (bind(socket.fd_, reinterpret_cast<sockaddr*>(&from), sizeof from) != 0) fail(errno_text("bind " + source));
    }
    if (::connect(socket.fd_, address->ai_addr, address->ai_addrlen) == 0) return socket;
    if (errno != EINPROGRESS) {
      why = std::strerror(errno);
      continue;
    }
    if (!ready(socket.fd_, POLLOUT, left(deadline))) throw Timeout(to_string(to) + ": no connection in time");
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket.fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error == 0) return socket;
    why = std::strerror(error);
  }
  throw Lost(to_string(to) + ": " + why);
}

void Socket::start_tls(const TlsWish& wish, Deadline deadline) { tls_ = std::make_unique<Tls>(fd_, wish, deadline); }
void Socket::accept_tls(const TlsIdentity& identity, Deadline deadline) {
  tls_ = std::make_unique<Tls>(fd_, identity, deadline);
}
std::string Socket::alpn() const { return tls_ ? tls_->alpn() : ""; }

std::string Socket::read(Deadline deadline, std::size_t most) {
  if (fd_ < 0) throw Lost("reading: the socket is closed");
  if (tls_) return tls_->read(deadline, most);
  std::string out(most, '\0');
  for (;;) {
    const ssize_t n = ::recv(fd_, out.data(), most, 0);
    if (n >= 0) {
      out.resize(static_cast<std::size_t>(n));
      return out;
    }
    if (errno != EAGAIN && errno != EINTR) throw Lost(errno_text("reading"));
    if (!ready(fd_, POLLIN, left(deadline))) throw Timeout("nothing came in time");
  }
}

void Socket::write(std::string_view bytes, Deadline deadline) {
  const std::size_t written = write_some(bytes, deadline);
  if (written != bytes.size()) throw Timeout("the peer took only " + std::to_string(written) + " bytes in time");
}

std::size_t Socket::write_some(std::string_view bytes, Deadline deadline) {
  if (fd_ < 0) throw Lost("writing: the socket is closed");
  std::size_t written = 0;
  while (written < bytes.size()) {
    const std::string_view rest = bytes.substr(written, 65536);
    if (tls_) {
      try {
        written += tls_->write_some(rest, deadline);
      } catch (const Timeout&) {
        return written;
      }
      continue;
    }
    const ssize_t n = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n > 0) {
      written += static_cast<std::size_t>(n);
    } else if (errno != EAGAIN && errno != EINTR) {
      throw Lost(errno_text("writing"));
    } else if (!ready(fd_, POLLOUT, left(deadline))) {
      return written;
    }
  }
  return written;
}

bool Socket::readable(Millis within) {
  if (fd_ < 0) return true;
  if (!tls_) return ready(fd_, POLLIN, within);
  for (const Deadline deadline = in(within); !tls_->readable();) {
    if (!ready(fd_, POLLIN, left(deadline))) return false;
  }
  return true;
}

void Socket::finish() {
  if (tls_) tls_->finish();
  ::shutdown(fd_, SHUT_WR);
}

void Socket::reset() {
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void Socket::close() {
  tls_.reset();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Socket::small_receive_buffer() {
  const int bytes = 64 * 1024;  // one segment on loopback: TCP is very slow with less
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

Endpoint Socket::local() const { return name_of(fd_, getsockname); }
Endpoint Socket::peer() const { return name_of(fd_, getpeername); }

Listener::Listener(const std::string& address) : address_(address) { open(); }
Listener::~Listener() { close(); }
Listener::Listener(Listener&& other) noexcept
    : address_(std::move(other.address_)), port_(other.port_), fd_(std::exchange(other.fd_, -1)) {}
Listener& Listener::operator=(Listener&& other) noexcept {
  std::swap(address_, other.address_);
  std::swap(port_, other.port_);
  std::swap(fd_, other.fd_);
  return *this;
}

void Listener::open() {
  const AddressList addresses(address_, port_);
  fd_ = open_socket(addresses.first->ai_family);
  const int on = 1;
  setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd_, addresses.first->ai_addr, addresses.first->ai_addrlen) != 0 || listen(fd_, 2048) != 0) {
    fail(errno_text("listening on " + address_));
  }
  port_ = name_of(fd_, getsockname).port;
}

Socket Listener::accept(Deadline deadline) {
  for (;;) {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) return Socket(fd);
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) fail(errno_text("accept"));
    if (!ready(fd_, POLLIN, left(deadline))) throw Timeout("no connection came in time");
  }
}

bool Listener::pending(Millis within) { return ready(fd_, POLLIN, within); }

void Listener::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Listener::listen_again() {
  if (fd_ < 0) open();
}

int first_readable(const std::vector<Socket*>& sockets, Millis within) {
  const Deadline deadline = in(within);
  for (;;) {
    std::vector<pollfd> fds;
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      if (sockets[i]->open() && sockets[i]->readable(0ms)) return static_cast<int>(i);
      fds.push_back({sockets[i]->fd(), POLLIN, 0});
    }
    if (poll(fds.data(), fds.size(), static_cast<int>(left(deadline).count())) == 0) return -1;
  }
}

std::uint16_t free_port() { return Listener().port(); }

}  // namespace tenfold::conformance
