// Sockets that a supervisor passed on: what the variables say, and a listener on one of them.
#include "io/inherited_sockets.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "io/socket_address.h"
#include "io_world.h"

namespace tenfold {
namespace {

using test::IoWorld;

constexpr pid_t self = 4711;

// "3=http 4=": descriptors and names.
std::string read(const InheritedTexts& texts) {
  const Result<std::vector<InheritedSocket>> sockets = read_inherited_sockets(texts, self);
  if (!sockets) return sockets.error().detail;
  std::string out;
  for (const InheritedSocket& socket : *sockets) {
    out += (out.empty() ? "" : " ") + std::to_string(socket.fd) + "=" + socket.name;
  }
  return out;
}

int listen_raw(const Address& address) {
  sockaddr_storage at{};
  REQUIRE(to_sockaddr(address, at));
  const int fd = ::socket(at.ss_family, SOCK_STREAM, 0);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&at), size_of(at)) == 0);
  REQUIRE(::listen(fd, 16) == 0);
  return fd;
}

}  // namespace

TEST_CASE("descriptors begin at 3 and have the names that stand between colons") {
  CHECK(read({"4711", "2", "http:https"}) == "3=http 4=https");
  CHECK(read({"4711", "3", "http"}) == "3=http 4= 5=");
  CHECK(read({"4711", "2", ":https"}) == "3= 4=https");
  CHECK(read({"4711", "1", "a:b:c"}) == "3=a");
  CHECK(read({"4711", "0", ""}).empty());
}

TEST_CASE("sockets of another process, and none, are no sockets") {
  CHECK(read({"4712", "2", "http:https"}).empty());
  CHECK(read({"", "2", ""}).empty());
  CHECK(read({"4711", "", ""}).empty());
}

TEST_CASE("a variable that is no number is named") {
  CHECK(read({"x", "2", ""}) == "LISTEN_PID=x: not a number of listening sockets");
  for (const char* count : {"-1", "129", "2x", "99999999999999999999"}) {
    CHECK(read({"4711", count, ""}) == "LISTEN_FDS=" + std::string(count) + ": not a number of listening sockets");
  }
}

TEST_CASE("two listeners on one socket accept from one queue; the one that stays gets all that comes") {
  IoWorld world;
  const int fd = listen_raw({"127.0.0.1", 0});
  const int other = ::dup(fd);
  int first = 0;
  int second = 0;
  auto one = TcpListener::adopt(world.loop, fd, [&](std::unique_ptr<TcpSocket>) { ++first; });
  auto two = TcpListener::adopt(world.loop, other, [&](std::unique_ptr<TcpSocket>) { ++second; });
  REQUIRE(one);
  REQUIRE(two);
  CHECK((*one)->port() == (*two)->port());
  CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  const Address address = (*one)->address();
  const auto visit = [&] {
    const Dial dial(world.loop, address, 5s, [](Result<std::unique_ptr<TcpSocket>> socket) { REQUIRE(socket); });
    const int before = first + second;
    world.run_until([&] { return first + second > before; });
  };
  visit();
  *one = nullptr;
  first = 0;
  for (int i = 0; i < 20; ++i) visit();
  CHECK(first == 0);
}

TEST_CASE("an inherited unix socket's file stays when its listener goes") {
  IoWorld world;
  const std::string path = "/tmp/tenfold-inherited-" + std::to_string(::getpid());
  const int fd = listen_raw(Address::of_unix(path));
  auto listener = TcpListener::adopt(world.loop, fd, [](std::unique_ptr<TcpSocket>) {});
  REQUIRE(listener);
  CHECK((*listener)->address() == Address::of_unix(path));
  *listener = nullptr;
  struct stat found {};
  CHECK(::lstat(path.c_str(), &found) == 0);
  ::unlink(path.c_str());
}

TEST_CASE("what is no descriptor is not adopted") {
  IoWorld world;
  const int fd = ::dup(0);
  ::close(fd);
  const auto listener = TcpListener::adopt(world.loop, fd, [](std::unique_ptr<TcpSocket>) {});
  REQUIRE_FALSE(listener);
  CHECK(listener.error().detail == "descriptor " + std::to_string(fd) + ": bad file descriptor");
}

}  // namespace tenfold
