// Dial: who is reached, who is not, and with which words.
#include "io/dial.h"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <future>
#include <optional>
#include <vector>

#include "io/socket_address.h"
#include "io_world.h"

namespace tenfold {
namespace {

using test::IoWorld;

struct Dialled {
  Dialled(IoWorld& world, const Address& address, Duration deadline = 5s) {
    const Dial dial(world.loop, address, deadline, [this](Result<std::unique_ptr<TcpSocket>> result) {
      CHECK_FALSE(done);
      done = true;
      if (result) {
        socket = *std::move(result);
      } else {
        error = result.error();
      }
    });
    CHECK_FALSE(done);  // not from inside the constructor
    world.run_until([&] { return done; });
  }
  bool done = false;
  std::unique_ptr<TcpSocket> socket;
  Error error;
};

// A port of loopback that nobody listens on, though the system will not give it to anybody meanwhile.
class ClosedPort {
 public:
  ClosedPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_storage address;
    to_sockaddr({"127.0.0.1", 0}, address);
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size_of(address)) == 0);
  }
  ~ClosedPort() {
    for (const int fd : clients_) ::close(fd);
    ::close(fd_);
  }
  std::uint16_t port() const {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    return address_of(address).port;
  }
  // Listens, but with a backlog that is full: who connects now hears nothing.
  void stop_answering() {
    ::listen(fd_, 0);
    sockaddr_storage address;
    to_sockaddr({"127.0.0.1", port()}, address);
    for (int i = 0; i < 4; ++i) {
      clients_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      (void)::connect(clients_.back(), reinterpret_cast<const sockaddr*>(&address), size_of(address));
    }
  }

 private:
  int fd_;
  std::vector<int> clients_;
};

// Every thread of libuv's pool is busy while it lives, as with look-ups that a resolver does not answer.
class BusyPool {
 public:
  BusyPool() {
    REQUIRE(uv_loop_init(&loop_) == 0);
    for (uv_work_t& work : work_) {
      work.data = this;
      uv_queue_work(
          &loop_, &work, [](uv_work_t* each) { static_cast<BusyPool*>(each->data)->open_.wait_for(30s); }, nullptr);
    }
  }
  ~BusyPool() {
    gate_.set_value();
    uv_run(&loop_, UV_RUN_DEFAULT);
    uv_loop_close(&loop_);
  }

 private:
  std::promise<void> gate_;
  const std::shared_future<void> open_{gate_.get_future()};
  uv_loop_t loop_{};
  std::vector<uv_work_t> work_ = std::vector<uv_work_t>(1024);  // libuv has no more threads than that
};

}  // namespace

TEST_CASE("a listener is reached by IP and by name") {
  IoWorld world;
  const auto listener = test::listen(world.loop, [](std::unique_ptr<TcpSocket>) {});
  for (const char* host : {"127.0.0.1", "localhost", "LocalHost"}) {
    CAPTURE(host);
    const Dialled dialled(world, {host, listener->port()});
    REQUIRE(dialled.socket);
    CHECK(dialled.socket->peer() == listener->address());
  }
}

TEST_CASE("localhost is reached in the family that listens, whatever the hosts file says") {
  IoWorld world;
  const auto v6 = test::listen(
      world.loop, [](std::unique_ptr<TcpSocket>) {}, "::1");
  const Dialled dialled(world, {"localhost", v6->port()});
  REQUIRE(dialled.socket);
  CHECK(dialled.socket->peer() == v6->address());
}

TEST_CASE("nobody listening is refused, by the name that was asked for") {
  IoWorld world;
  const ClosedPort closed;
  for (const char* host : {"127.0.0.1", "localhost"}) {
    CAPTURE(host);
    const Dialled dialled(world, {host, closed.port()});
    CHECK(dialled.error.kind == ErrorKind::refused);
    CHECK(dialled.error.detail == std::string(host) + ":" + std::to_string(closed.port()) + ": connection refused");
  }
}

TEST_CASE("a want of descriptors is this process's own") {
  IoWorld world;
  const ClosedPort closed;
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{0, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  const Dialled dialled(world, {"127.0.0.1", closed.port()});
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(dialled.error.kind == ErrorKind::limit);
  CHECK(dialled.error.detail == "out of file descriptors: raise ulimit -n");
}

TEST_CASE("a name without an address is a dns error") {
  IoWorld world;
  // No name has a label so long (RFC 1035 2.3.4), so that nobody on the network is asked.
  const std::string name = std::string(64, 'a') + ".invalid";
  const Dialled dialled(world, {name, 80});
  CHECK(dialled.error.kind == ErrorKind::dns);
  CHECK(dialled.error.detail.starts_with(name + ": "));
}

TEST_CASE("who does not answer in time is a timeout, and its socket is gone") {
  IoWorld world;
  ClosedPort silent;
  silent.stop_answering();
  const Dialled dialled(world, {"127.0.0.1", silent.port()}, 50ms);
  CHECK(dialled.error.kind == ErrorKind::timeout);
  CHECK(dialled.error.detail == "127.0.0.1:" + std::to_string(silent.port()) + ": no answer in time");
}

TEST_CASE("a silent address does not hold up the next one") {
  IoWorld world;
  ClosedPort silent;
  silent.stop_answering();
  // The same port answers in the other family.
  const auto v6 = TcpListener::open(world.loop, {"::1", silent.port()}, [](std::unique_ptr<TcpSocket>) {});
  REQUIRE(v6);
  const Dialled dialled(world, {"localhost", silent.port()});
  REQUIRE(dialled.socket);
  CHECK(dialled.socket->peer() == (*v6)->address());
}

TEST_CASE("a destroyed dial calls nobody, at whatever point it was") {
  IoWorld world;
  ClosedPort silent;
  silent.stop_answering();
  const auto listener = test::listen(world.loop, [](std::unique_ptr<TcpSocket>) {});
  const auto forbidden = [](Result<std::unique_ptr<TcpSocket>>) { FAIL("called"); };
  { const Dial at_once(world.loop, {"127.0.0.1", listener->port()}, 5s, forbidden); }
  { const Dial in_look_up(world.loop, {"localhost", listener->port()}, 5s, forbidden); }
  {
    const Dial connecting(world.loop, {"127.0.0.1", silent.port()}, 5s, forbidden);
    world.run_turns();
  }
  world.run_turns(20);
}

TEST_CASE("a dial may be destroyed from inside its call") {
  IoWorld world;
  const auto listener = test::listen(world.loop, [](std::unique_ptr<TcpSocket>) {});
  const ClosedPort closed;
  for (const std::uint16_t port : {listener->port(), closed.port()}) {
    bool done = false;
    std::unique_ptr<Dial> dial;
    dial = std::make_unique<Dial>(world.loop, Address{"127.0.0.1", port}, 5s, [&](Result<std::unique_ptr<TcpSocket>>) {
      dial.reset();
      done = true;
    });
    world.run_until([&] { return done; });
    world.run_turns();
  }
}

TEST_CASE("a look-up is work of the pool until it has ended") {
  IoWorld world;
  const auto listener = test::listen(world.loop, [](std::unique_ptr<TcpSocket>) {});
  CHECK_FALSE(world.loop.has_pool_work());
  bool done = false;
  const Dial dial(world.loop, {"localhost", listener->port()}, 5s, [&](auto) { done = true; });
  CHECK(world.loop.has_pool_work());
  world.run_until([&] { return done; });
  CHECK_FALSE(world.loop.has_pool_work());
}

TEST_CASE("a look-up that nobody wants any more is taken back while it waits for a thread") {
  IoWorld world;
  const BusyPool busy;
  {
    const Dial destroyed(world.loop, {"some.name.example", 80}, 5s, [](auto) { FAIL("called"); });
    CHECK(world.loop.has_pool_work());
  }
  world.run_until([&] { return !world.loop.has_pool_work(); });
  const Dialled late(world, {"some.name.example", 80}, 10ms);
  CHECK(late.error.kind == ErrorKind::timeout);
  CHECK(late.error.detail == "some.name.example:80: the name was not resolved in time");
  world.run_until([&] { return !world.loop.has_pool_work(); });
}

}  // namespace tenfold
