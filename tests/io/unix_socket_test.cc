// Unix sockets: the listener's file, who is reached and who is not, and a connection's bytes and ends.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "io/socket_address.h"
#include "io_world.h"

namespace tenfold {
namespace {

using test::IoWorld;
using test::Recorder;

// A folder of its own, gone with what is in it.
class Folder {
 public:
  Folder() { REQUIRE(::mkdtemp(path_.data()) != nullptr); }
  ~Folder() {
    for (const char* name : {"s", "other"}) ::unlink(path(name).c_str());
    ::rmdir(path_.data());
  }
  std::string path(const std::string& name = "s") const { return std::string(path_.data()) + '/' + name; }
  Address address(const std::string& name = "s") const { return Address::of_unix(path(name)); }

 private:
  std::array<char, 32> path_{"/tmp/tenfold-unix-XXXXXX"};
};

bool exists(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

unsigned mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(::lstat(path.c_str(), &found) == 0);
  return found.st_mode & 07777;
}

// A listening socket of the kernel's own, whose file stays behind.
int listen_raw(const std::string& path, int backlog) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_storage at;
  REQUIRE(to_sockaddr(Address::of_unix(path), at));
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&at), size_of(at)) == 0);
  REQUIRE(::listen(fd, backlog) == 0);
  return fd;
}

const TcpListener::OnAccept nothing = [](std::unique_ptr<TcpSocket>) {};

std::string failure_to_listen(IoWorld& world, const Address& address) {
  const auto listener = TcpListener::open(world.loop, address, nothing);
  REQUIRE_FALSE(listener);
  CHECK(listener.error().kind == ErrorKind::io);
  return listener.error().detail;
}

struct Dialled {
  Dialled(IoWorld& world, const Address& address, Duration deadline = 5s) {
    const Dial dial(world.loop, address, deadline,
                    [this](Result<std::unique_ptr<TcpSocket>> got) { result.emplace(std::move(got)); });
    CHECK_FALSE(result);  // not from inside the constructor
    world.run_until([&] { return result.has_value(); });
  }
  std::optional<Result<std::unique_ptr<TcpSocket>>> result;
};

// Two ends of one connection.
struct UnixPair {
  explicit UnixPair(IoWorld& world) {
    auto listener = TcpListener::open(world.loop, folder.address(),
                                      [&](std::unique_ptr<TcpSocket> socket) { server = std::move(socket); });
    REQUIRE(listener);
    Dialled dialled(world, folder.address());
    REQUIRE(*dialled.result);
    client = **std::move(dialled.result);
    world.run_until([&] { return server != nullptr; });
  }
  Folder folder;
  std::unique_ptr<TcpSocket> client;
  std::unique_ptr<TcpSocket> server;
};

}  // namespace

TEST_CASE("a socket address keeps its family, its path and its port") {
  sockaddr_storage address;
  REQUIRE(to_sockaddr({"192.0.2.1", 80}, address));
  CHECK(address_of(address) == Address{"192.0.2.1", 80});
  REQUIRE(to_sockaddr({"2001:db8::1", 443}, address));
  CHECK(address_of(address) == Address{"2001:db8::1", 443});
  REQUIRE(to_sockaddr({"::ffff:192.0.2.1", 80}, address));
  CHECK(address_of(address) == Address{"192.0.2.1", 80});
  CHECK_FALSE(to_sockaddr({"name", 80}, address));
  const Address longest = Address::of_unix(std::string(107, 'a'));
  REQUIRE(to_sockaddr(longest, address));
  CHECK(address_of(address) == longest);
  CHECK_FALSE(to_sockaddr(Address::of_unix(std::string(108, 'a')), address));
}

TEST_CASE("the file of a unix listener has the mode that was asked for, and goes with the listener") {
  IoWorld world;
  const Folder folder;
  for (const unsigned mode : {0600u, 0660u, 0666u, 0000u}) {
    CAPTURE(mode);
    const mode_t mask = ::umask(027);
    const auto listener = TcpListener::open(world.loop, folder.address(), nothing, mode);
    ::umask(mask);
    REQUIRE(listener);
    CHECK(mode_of(folder.path()) == mode);
    CHECK((*listener)->address() == folder.address());
    CHECK((*listener)->port() == 0);
  }
  CHECK_FALSE(exists(folder.path()));
  const auto listener = TcpListener::open(world.loop, folder.address(), nothing);
  REQUIRE(listener);
  CHECK(mode_of(folder.path()) == 0660);
}

TEST_CASE("a socket's file that a dead process left is replaced") {
  IoWorld world;
  const Folder folder;
  ::close(listen_raw(folder.path(), 1));
  REQUIRE(exists(folder.path()));
  std::unique_ptr<TcpSocket> accepted;
  const auto listener = TcpListener::open(world.loop, folder.address(),
                                          [&](std::unique_ptr<TcpSocket> socket) { accepted = std::move(socket); });
  REQUIRE(listener);
  const Dialled dialled(world, folder.address());
  REQUIRE(*dialled.result);
  world.run_until([&] { return accepted != nullptr; });
}

TEST_CASE("a path where a process listens is not taken from it, though its backlog is full") {
  IoWorld world;
  const Folder folder;
  const std::string taken = "unix:" + folder.path() + ": another process listens there";
  {
    const auto first = TcpListener::open(world.loop, folder.address(), nothing);
    REQUIRE(first);
    CHECK(failure_to_listen(world, folder.address()) == taken);
    CHECK(exists(folder.path()));
    const Dialled dialled(world, folder.address());
    CHECK(*dialled.result);
  }
  const int busy = listen_raw(folder.path(), 0);
  CHECK(failure_to_listen(world, folder.address()) == taken);  // this one waits in the backlog
  CHECK(failure_to_listen(world, folder.address()) == taken);
  ::close(busy);
}

TEST_CASE("what is no socket stays where it is") {
  IoWorld world;
  const Folder folder;
  std::ofstream(folder.path()) << "text";
  CHECK(failure_to_listen(world, folder.address()) ==
        "unix:" + folder.path() + ": a file that is no socket lies there");
  CHECK(exists(folder.path()));
}

TEST_CASE("a path that cannot be had is named with the reason") {
  IoWorld world;
  const Folder folder;
  CHECK(failure_to_listen(world, folder.address("none/s")) ==
        "unix:" + folder.path("none/s") + ": no such file or directory");
  CHECK(failure_to_listen(world, Address::of_unix("/" + std::string(107, 'a'))).ends_with(": file name too long"));
}

TEST_CASE("a listener does not remove the file of the one that came after it") {
  IoWorld world;
  const Folder folder;
  auto first = TcpListener::open(world.loop, folder.address(), nothing);
  REQUIRE(first);
  REQUIRE(::rename(folder.path().c_str(), folder.path("other").c_str()) == 0);
  const auto second = TcpListener::open(world.loop, folder.address(), nothing);
  REQUIRE(second);
  (*first).reset();
  CHECK(exists(folder.path()));
  CHECK(*Dialled(world, folder.address()).result);
}

TEST_CASE("a unix socket that cannot be reached is named with the reason") {
  IoWorld world;
  const Folder folder;
  const auto error = [&] {
    const Dialled dialled(world, folder.address());
    REQUIRE_FALSE(*dialled.result);
    return dialled.result->error();
  };
  CHECK(error().kind == ErrorKind::refused);
  CHECK(error().detail == "unix:" + folder.path() + ": no such file or directory");
  ::close(listen_raw(folder.path(), 1));
  CHECK(error().kind == ErrorKind::refused);
  CHECK(error().detail == "unix:" + folder.path() + ": connection refused");
  REQUIRE(::chmod(folder.path().c_str(), 0) == 0);
  if (::geteuid() == 0) return;  // may everything
  CHECK(error().kind == ErrorKind::io);
  CHECK(error().detail == "unix:" + folder.path() + ": permission denied");
}

TEST_CASE("a unix socket with a full backlog is waited for, until the deadline") {
  IoWorld world;
  const Folder folder;
  const int busy = listen_raw(folder.path(), 0);
  const Dialled first(world, folder.address());
  REQUIRE(*first.result);
  const Dialled late(world, folder.address(), 50ms);
  REQUIRE_FALSE(*late.result);
  CHECK(late.result->error().kind == ErrorKind::timeout);
  CHECK(late.result->error().detail == "unix:" + folder.path() + ": no answer in time");

  std::optional<Result<std::unique_ptr<TcpSocket>>> result;
  const Dial dial(world.loop, folder.address(), 20s,
                  [&](Result<std::unique_ptr<TcpSocket>> got) { result.emplace(std::move(got)); });
  world.run_turns();
  CHECK_FALSE(result);
  const int accepted = ::accept(busy, nullptr, nullptr);
  world.run_until([&] { return result.has_value(); });
  CHECK(*result);
  ::close(accepted);
  ::close(busy);
}

TEST_CASE("a dial of a unix socket that is destroyed calls nobody") {
  IoWorld world;
  const Folder folder;
  const int busy = listen_raw(folder.path(), 0);
  const auto forbidden = [](Result<std::unique_ptr<TcpSocket>>) { FAIL("called"); };
  { const Dial at_once(world.loop, folder.address(), 5s, forbidden); }
  const Dialled first(world, folder.address());
  {
    const Dial waiting(world.loop, folder.address(), 5s, forbidden);
    world.run_turns();
  }
  world.run_turns(20);
  ::close(busy);
}

TEST_CASE("a unix dial may be destroyed from inside its call") {
  IoWorld world;
  const Folder folder;
  const auto listener = TcpListener::open(world.loop, folder.address(), nothing);
  for (const char* name : {"s", "none"}) {
    bool done = false;
    std::unique_ptr<Dial> dial;
    dial = std::make_unique<Dial>(world.loop, folder.address(name), 5s, [&](Result<std::unique_ptr<TcpSocket>>) {
      dial.reset();
      done = true;
    });
    world.run_until([&] { return done; });
    world.run_turns();
  }
}

TEST_CASE("bytes go both ways over a unix socket; its client has no name") {
  IoWorld world;
  UnixPair pair(world);
  CHECK(pair.client->peer() == pair.folder.address());
  CHECK(pair.server->local() == pair.folder.address());
  CHECK(to_string(pair.server->peer()) == "unix");
  for (TcpSocket* each : {pair.client.get(), pair.server.get()}) {
    each->set_notsent_lowat(limits::notsent_lowat);
    each->set_user_timeout(limits::user_timeout);
    each->set_keepalive(limits::tcp_keepalive);
  }
  Recorder client(std::move(pair.client));
  Recorder server(std::move(pair.server));
  client.send("question");
  server.send("answer");
  world.run_until([&] { return server.received == "question" && client.received == "answer"; });
  client.pipe->end();
  world.run_until([&] { return server.ended; });
  server.send(" and more");
  world.run_until([&] { return client.received == "answer and more"; });
  server.pipe->end();
  world.run_until([&] { return client.closed && server.closed; });
  CHECK_FALSE(*client.closed);
  CHECK_FALSE(*server.closed);
}

TEST_CASE("a reader who stands still holds up a unix socket's sender, and nothing is lost") {
  IoWorld world;
  UnixPair pair(world);
  Recorder server(std::move(pair.server));
  server.keeps = false;
  server.pipe->set_handler(nullptr);
  Recorder client(std::move(pair.client));
  std::size_t total = 0;
  while (client.pipe->queued() == 0) {
    client.send(std::string(limits::buffered_high, 'x'));
    total += limits::buffered_high;
    world.run_turns(5);
  }
  client.pipe->end();
  server.pipe->set_handler(&server);
  world.run_until([&] { return server.ended; });
  CHECK(server.total == total);
}

TEST_CASE("a cut unix socket lets go first what the kernel took, and its peer sees an end") {
  IoWorld world;
  UnixPair pair(world);
  Recorder server(std::move(pair.server));
  server.pipe->set_handler(nullptr);
  Recorder client(std::move(pair.client));
  client.send("half of an ans");
  world.run_until([&] { return client.pipe->queued() == 0; });
  client.pipe->reset(ErrorKind::io);
  CHECK(world.loop.parting_sockets().size() == 0);
  world.run_turns();
  server.pipe->set_handler(&server);
  world.run_until([&] { return server.ended; });
  CHECK(server.received == "half of an ans");
}

TEST_CASE("a unix peer that leaves bytes unread is a cut behind the last byte") {
  IoWorld world;
  UnixPair pair(world);
  pair.client->write(to_bytes("an answer"));
  world.run_turns();
  pair.server->write(to_bytes("a body that is not read"));
  world.run_turns();
  pair.client->set_handler(nullptr);
  pair.client.reset();
  world.run_turns();
  Recorder server(std::move(pair.server));
  world.run_until([&] { return server.closed.has_value(); });
  CHECK(server.received == "an answer");
  CHECK_FALSE(server.ended);
  CHECK(server.closed->kind == ErrorKind::closed);
  CHECK(server.closed->detail.starts_with("unix: "));
}

}  // namespace tenfold
