// TcpListener: where it listens, what it says when it cannot, and what it does without descriptors.
#include "io/tcp_listener.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "io/socket_address.h"
#include "io_world.h"

namespace tenfold {
namespace {

using test::IoWorld;
using test::Recorder;

// A client of the kernel's own, connected.
int connect_raw(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_storage address;
  to_sockaddr({"127.0.0.1", port}, address);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), size_of(address)) == 0) return fd;
  ::close(fd);
  return -1;
}

}  // namespace

TEST_CASE("port 0 is the system's choice, and the listener knows it") {
  IoWorld world;
  const auto listener = test::listen(world.loop, [](std::unique_ptr<TcpSocket>) {});
  CHECK(listener->port() != 0);
  CHECK(listener->address() == Address{"127.0.0.1", listener->port()});
}

TEST_CASE("an address that cannot be had is named with the reason") {
  IoWorld world;
  const auto nothing = [](std::unique_ptr<TcpSocket>) {};
  const auto first = test::listen(world.loop, nothing);
  const auto second = TcpListener::open(world.loop, {"127.0.0.1", first->port()}, nothing);
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == ErrorKind::io);
  CHECK(second.error().detail == to_string(first->address()) + ": address already in use");
  const auto name = TcpListener::open(world.loop, {"localhost", 0}, nothing);
  REQUIRE_FALSE(name);
  CHECK(name.error().detail == "localhost:0: not an IP address");
  const auto elsewhere = TcpListener::open(world.loop, {"192.0.2.1", 0}, nothing);
  REQUIRE_FALSE(elsewhere);
  CHECK(elsewhere.error().detail == "192.0.2.1:0: cannot assign requested address");
}

TEST_CASE("without a host both families are heard, an IPv4 visitor by its own address") {
  IoWorld world;
  std::vector<std::string> peers;
  const auto listener = test::listen(
      world.loop, [&](std::unique_ptr<TcpSocket> socket) { peers.push_back(socket->peer().host); }, "");
  for (const char* ip : {"127.0.0.1", "::1"}) {
    const Dial dial(world.loop, {ip, listener->port()}, 5s,
                    [](Result<std::unique_ptr<TcpSocket>> socket) { REQUIRE(socket); });
    const std::size_t before = peers.size();
    world.run_until([&] { return peers.size() > before; });
  }
  CHECK(peers == std::vector<std::string>{"127.0.0.1", "::1"});
}

TEST_CASE("what is accepted has TCP_NODELAY") {
  IoWorld world;
  std::unique_ptr<TcpSocket> accepted;
  const auto listener =
      test::listen(world.loop, [&](std::unique_ptr<TcpSocket> socket) { accepted = std::move(socket); });
  // The next descriptor after these two is the accepted one.
  const int client = connect_raw(listener->port());
  const int next = ::dup(client);
  ::close(next);
  world.run_until([&] { return accepted != nullptr; });
  int on = 0;
  socklen_t length = sizeof on;
  REQUIRE(::getsockopt(next, IPPROTO_TCP, TCP_NODELAY, &on, &length) == 0);
  CHECK(on != 0);
  ::close(client);
}

TEST_CASE("a listener that is gone refuses; what it accepted lives on") {
  IoWorld world;
  std::unique_ptr<TcpSocket> accepted;
  std::unique_ptr<TcpListener> listener;
  // Destroyed from inside its own callback.
  listener = test::listen(world.loop, [&](std::unique_ptr<TcpSocket> socket) {
    accepted = std::move(socket);
    listener.reset();
  });
  const Address address{"127.0.0.1", listener->port()};
  std::unique_ptr<TcpSocket> connected;
  const Dial dial(world.loop, address, 5s, [&](Result<std::unique_ptr<TcpSocket>> socket) {
    REQUIRE(socket);
    connected = *std::move(socket);
  });
  world.run_until([&] { return accepted != nullptr && connected != nullptr; });
  Recorder server(std::move(accepted));
  connected->write(to_bytes("still there"));
  world.run_until([&] { return server.received == "still there"; });
  CHECK(connect_raw(address.port) == -1);
}

TEST_CASE("many connections that come at once are all accepted") {
  IoWorld world;
  std::vector<std::unique_ptr<TcpSocket>> accepted;
  const auto listener =
      test::listen(world.loop, [&](std::unique_ptr<TcpSocket> socket) { accepted.push_back(std::move(socket)); });
  std::vector<int> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(connect_raw(listener->port()));
  world.run_until([&] { return accepted.size() == 300; });
  for (const int fd : clients) ::close(fd);
}

TEST_CASE("what waits in the queue can be accepted before the listener goes") {
  IoWorld world;
  std::vector<std::unique_ptr<TcpSocket>> accepted;
  auto listener =
      test::listen(world.loop, [&](std::unique_ptr<TcpSocket> socket) { accepted.push_back(std::move(socket)); });
  std::vector<int> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(connect_raw(listener->port()));
  CHECK(accepted.empty());
  listener->accept_rest();
  CHECK(accepted.size() == 100);
  listener = nullptr;
  world.run_turns();
  char byte;
  for (const int fd : clients) {
    CHECK(::recv(fd, &byte, 1, MSG_DONTWAIT) == -1);
    CHECK(errno == EAGAIN);
    ::close(fd);
  }
}

TEST_CASE("without descriptors who comes is turned away, the log says so once, and then all is as before") {
  IoWorld world;
  std::vector<std::unique_ptr<TcpSocket>> accepted;
  const auto listener =
      test::listen(world.loop, [&](std::unique_ptr<TcpSocket> socket) { accepted.push_back(std::move(socket)); });
  // Three visitors wait when the descriptors run out.
  std::vector<int> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(connect_raw(listener->port()));
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int highest = ::dup(0);
  ::close(highest);
  const rlimit none{static_cast<rlim_t>(highest), before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);

  const auto closed_by_peer = [](int fd) {
    char byte;
    return ::recv(fd, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
  };
  world.run_until([&] { return std::all_of(clients.begin(), clients.end(), closed_by_peer); });
  CHECK(accepted.empty());
  world.run_turns(20);
  const auto warned = std::count_if(world.log.lines.begin(), world.log.lines.end(), [&](const std::string& line) {
    return line == "accept failed listener=" + to_string(listener->address()) + " reason=too many open files";
  });
  CHECK(warned == 1);

  ::setrlimit(RLIMIT_NOFILE, &before);
  clients.push_back(connect_raw(listener->port()));
  world.run_until([&] { return accepted.size() == 1; });
  for (const int fd : clients) ::close(fd);
}

}  // namespace tenfold
