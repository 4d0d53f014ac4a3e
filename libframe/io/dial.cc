#include "io/dial.h"

#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "io/socket_address.h"
#include "io/tcp_core.h"

namespace tenfold {
namespace {

// RFC 8305 section 5: "A recommended value for a default delay is 250 milliseconds."
constexpr Duration next_attempt_delay = 250ms;

// A unix socket has no event that reports room in its backlog.
constexpr Duration backlog_look = 20ms;

bool is_localhost(const std::string& host) { return ::strcasecmp(host.c_str(), "localhost") == 0; }

ErrorKind kind_of(int uv_error) {
  switch (uv_error) {
    case UV_ECONNREFUSED:
    case UV_ENOENT: return ErrorKind::refused;
    case UV_ETIMEDOUT: return ErrorKind::timeout;
    case UV_EMFILE:
    case UV_ENFILE:
    case UV_ENOBUFS:
    case UV_ENOMEM:
    case UV_EADDRNOTAVAIL: return ErrorKind::limit;
    default: return ErrorKind::io;
  }
}

// For lack of our own resources the text says what to do; the address does not matter.
std::string detail_of(int uv_error, const Address& address) {
  switch (uv_error) {
    case UV_EMFILE: return "out of file descriptors: raise ulimit -n";
    case UV_ENFILE: return "this system is out of file descriptors";
    case UV_ENOBUFS:
    case UV_ENOMEM: return "out of memory for sockets";
    default: return to_string(address) + ": " + uv_strerror(uv_error);
  }
}

}  // namespace

class Dial::Attempt final : public std::enable_shared_from_this<Attempt>, private Deferred {
 public:
  Attempt(Loop& loop, const Address& address, OnDone on_done)
      : loop_(loop), address_(address), on_done_(std::move(on_done)) {}

  void start(Duration deadline) {
    loop_.runtime().timers.arm_in(deadline_, deadline);
    if (sockaddr_storage known; to_sockaddr(address_, known)) {
      addresses_.push_back(known);
      loop_.defer(*this);
    } else {
      resolve();
    }
  }

  // No call after this.
  void cancel() {
    on_done_ = nullptr;
    loop_.runtime().timers.disarm(deadline_);
    loop_.runtime().timers.disarm(next_);
    while (!connecting_.empty()) drop(connecting_.back());
    // A lookup that still waits for a thread of the pool is cancelled, so that unneeded lookups do not pile up behind a
    // slow resolver. One that has begun runs to its end.
    if (lookup_ != nullptr) uv_cancel(reinterpret_cast<uv_req_t*>(&std::exchange(lookup_, nullptr)->request));
  }

 private:
  // A connection attempt. Destroyed in its connect callback, which libuv calls on failure and on uv_close() as well.
  struct Connecting {
    uv_connect_t request;
    std::shared_ptr<Attempt> attempt;
    TcpSocket::Core* socket;
    Address peer;
  };

  // A lookup: it may end long after the Dial was destroyed.
  struct Lookup {
    uv_getaddrinfo_t request;
    std::shared_ptr<Attempt> attempt;
    Loop::PoolWork under_way;
  };

  void resolve() {
    auto* lookup = new Lookup{{}, shared_from_this(), Loop::PoolWork(loop_)};
    lookup->request.data = lookup;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = is_localhost(address_.host) ? 0 : AI_ADDRCONFIG;
    const int failed = uv_getaddrinfo(
        loop_.uv(), &lookup->request,
        [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
          const std::unique_ptr<Lookup> done(static_cast<Lookup*>(request->data));
          const Loop::Callback callback(done->attempt->loop_);
          done->attempt->lookup_ = nullptr;
          done->attempt->on_resolved(status, found);
          uv_freeaddrinfo(found);
        },
        address_.host.c_str(), nullptr, &hints);
    if (failed == 0) {
      lookup_ = lookup;
      return;
    }
    delete lookup;
    lookup_failed_ = failed;
    loop_.defer(*this);
  }

  void on_resolved(int status, const addrinfo* found) {
    if (!on_done_) return;
    lookup_failed_ = status;
    for (; found != nullptr && addresses_.size() < limits::dial_addresses; found = found->ai_next) {
      if (found->ai_family != AF_INET && found->ai_family != AF_INET6) continue;
      sockaddr_storage address{};
      std::memcpy(&address, found->ai_addr, found->ai_addrlen);
      add(address_of(address).host);
    }
    if (is_localhost(address_.host)) {
      // RFC 6761 6.3: "Users may assume that IPv4 and IPv6 address queries for localhost names will always resolve to
      // the respective IP loopback address", even if /etc/hosts has none.
      // resolve to the respective IP loopback address", whatever /etc/hosts leaves out.
      add("127.0.0.1");
      add("::1");
    }
    next();
  }

  void add(const std::string& ip) {
    sockaddr_storage address;
    if (!to_sockaddr({ip, address_.port}, address)) return;
    for (const sockaddr_storage& known : addresses_) {
      if (address_of(known).host == ip) return;
    }
    addresses_.push_back(address);
  }

  void on_turn_end() override { next(); }

  // Tries one more address. If none is left and no attempt is pending, the dial fails.
  void next() {
    if (address_.is_unix()) return connect_unix();
    while (on_done_ && tried_ < addresses_.size()) {
      if (!connect(addresses_[tried_++])) continue;
      if (tried_ < addresses_.size()) loop_.runtime().timers.arm_in(next_, next_attempt_delay);
      return;
    }
    if (on_done_ && connecting_.empty()) fail();
  }

  // Completes at once or fails: connect(2) of a unix socket does not wait.
  void connect_unix() {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const sockaddr_storage& at = addresses_.front();
    const bool connected = fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&at), size_of(at)) == 0;
    last_error_ = connected ? 0 : -errno;
    if (!connected && fd >= 0) ::close(fd);
    if (last_error_ == UV_EAGAIN) return loop_.runtime().timers.arm_in(next_, backlog_look);
    if (!connected) return fail();
    auto* socket = new TcpSocket::Core(loop_);
    last_error_ = uv_tcp_open(socket->tcp(), fd);
    if (last_error_ != 0) {
      ::close(fd);
      socket->release();
      return fail();
    }
    socket->open(address_);
    finish(std::unique_ptr<TcpSocket>(new TcpSocket(socket)));
  }

  bool connect(const sockaddr_storage& address) {
    auto* socket = new TcpSocket::Core(loop_);
    uv_tcp_nodelay(socket->tcp(), 1);
    auto* connecting = new Connecting{{}, shared_from_this(), socket, address_of(address)};
    connecting->request.data = connecting;
    const int failed = uv_tcp_connect(&connecting->request, socket->tcp(), reinterpret_cast<const sockaddr*>(&address),
                                      [](uv_connect_t* request, int status) {
                                        const std::unique_ptr<Connecting> done(static_cast<Connecting*>(request->data));
                                        if (done->socket == nullptr) return;  // cancelled
                                        const Loop::Callback callback(done->attempt->loop_);
                                        done->attempt->on_connected(*done, status);
                                      });
    if (failed == 0) {
      connecting_.push_back(connecting);
      return true;
    }
    last_error_ = failed;
    socket->release();
    delete connecting;
    return false;
  }

  void on_connected(Connecting& done, int status) {
    std::erase(connecting_, &done);
    if (status < 0) {
      // "refused" is more useful than another family's missing route.
      if (last_error_ != UV_ECONNREFUSED) last_error_ = status;
      done.socket->release();
      next();
      return;
    }
    done.socket->open(std::move(done.peer));
    finish(std::unique_ptr<TcpSocket>(new TcpSocket(done.socket)));
  }

  void drop(Connecting* connecting) {
    std::erase(connecting_, connecting);
    std::exchange(connecting->socket, nullptr)->release();
  }

  void fail() {
    if (addresses_.empty()) {
      finish(Error{ErrorKind::dns,
                   address_.host + ": " + (lookup_failed_ == 0 ? "no address" : uv_strerror(lookup_failed_))});
    } else {
      finish(Error{kind_of(last_error_), detail_of(last_error_, address_)});
    }
  }

  void on_deadline() {
    const bool looking_up = addresses_.empty();
    finish(Error{ErrorKind::timeout,
                 to_string(address_) + (looking_up ? ": the name was not resolved in time" : ": no answer in time")});
  }

  void finish(Result<std::unique_ptr<TcpSocket>> result) {
    const auto self = shared_from_this();  // the call may destroy the Dial
    const OnDone on_done = std::exchange(on_done_, nullptr);
    cancel();
    on_done(std::move(result));
  }

  Loop& loop_;
  const Address address_;
  OnDone on_done_;  // empty: done, or cancelled
  std::vector<sockaddr_storage> addresses_;
  std::size_t tried_ = 0;  // of addresses_
  std::vector<Connecting*> connecting_;
  Lookup* lookup_ = nullptr;  // pending; destroyed in its callback
  int lookup_failed_ = 0;     // libuv's error
  int last_error_ = 0;        // libuv's error
  MemberTimer<Attempt, &Attempt::on_deadline> deadline_{*this};
  MemberTimer<Attempt, &Attempt::next> next_{*this};
};

Dial::Dial(Loop& loop, const Address& address, Duration deadline, OnDone on_done)
    : attempt_(std::make_shared<Attempt>(loop, address, std::move(on_done))) {
  attempt_->start(deadline);
}

Dial::~Dial() { attempt_->cancel(); }

}  // namespace tenfold
