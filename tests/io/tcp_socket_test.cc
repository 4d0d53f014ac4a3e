// TcpSocket: over real loopback connections: bytes, ends, cuts, and a wrapper that dies at any time.
#include "io/tcp_socket.h"

#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/limits.h"
#include "io/socket_address.h"
#include "io_world.h"

namespace tenfold {
namespace {

using test::IoWorld;
using test::Recorder;
using test::TcpPair;

// Which timer the kernel runs for the connection from `local`, as proc(5) has it in /proc/net/tcp; 2: keepalive.
int kernel_timer(const Address& local) {
  std::ifstream table("/proc/net/tcp");
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string number, from, to, state, queues, timer;
    words >> number >> from >> to >> state >> queues >> timer;
    const bool established = state == "01";
    if (established && std::stoi(from.substr(from.find(':') + 1), nullptr, 16) == local.port) return std::stoi(timer);
  }
  return -1;
}

// How the kernel paces what the socket bound to `local` sends; found among this process's files.
std::string congestion_control(const Address& local) {
  for (int fd = 0; fd < 256; ++fd) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) continue;
    if (address_of(address) != local) continue;
    char name[16] = {};
    length = sizeof name;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length) == 0) return name;
  }
  return {};
}

}  // namespace

TEST_CASE("a connection that never leaves the machine is not paced, whatever the system's choice is") {
  IoWorld world;
  TcpPair pair(world);
  CHECK(congestion_control(pair.client->local()) == "reno");
  CHECK(congestion_control(pair.server->local()) == "reno");
}

TEST_CASE("bytes go both ways, and the ends know each other's address") {
  IoWorld world;
  TcpPair pair(world);
  CHECK(pair.client->peer().host == "127.0.0.1");
  CHECK(pair.client->peer() == pair.server->local());
  CHECK(pair.server->peer() == pair.client->local());
  Recorder client(std::move(pair.client));
  Recorder server(std::move(pair.server));
  client.send("question");
  server.send("answer");
  world.run_until([&] { return server.received == "question" && client.received == "answer"; });
  CHECK(client.pipe->queued() == 0);
  CHECK(client.sent == 8);
}

TEST_CASE("a reset lets what the kernel took go first") {
  IoWorld world;
  TcpPair pair(world);
  Recorder server(std::move(pair.server));
  server.pipe->set_handler(nullptr);
  // As much as the kernels take while nobody reads: part of it waits on the sender's side.
  Recorder client(std::move(pair.client));
  std::size_t total = 0;
  while (client.pipe->queued() == 0) {
    client.send(std::string(limits::buffered_high, 'x'));
    total += limits::buffered_high;
    world.run_turns(5);
  }
  server.pipe->set_handler(&server);
  world.run_until([&] { return client.pipe->queued() == 0; });
  server.pipe->set_handler(nullptr);
  client.pipe->reset(ErrorKind::io);
  world.run_turns(3);
  server.pipe->set_handler(&server);
  world.run_until([&] { return server.closed.has_value(); });
  CHECK(server.total == total);
  CHECK_FALSE(server.ended);
  CHECK(server.closed->kind == ErrorKind::closed);
  world.run_until([&] { return world.loop.parting_sockets().size() == 0; });
}

TEST_CASE("what is written in one turn arrives in one piece, and behind it what comes in the next") {
  IoWorld world;
  TcpPair pair(world);
  Recorder client(std::move(pair.client));
  Recorder server(std::move(pair.server));
  std::vector<std::string> pieces;
  server.on_bytes = [&](Bytes bytes) { pieces.emplace_back(to_text(bytes)); };
  world.loop.post([&] {
    client.send("head ");
    client.send("and ");
    client.send("body");
  });
  world.run_until([&] { return !pieces.empty(); });
  CHECK(pieces[0] == "head and body");
  CHECK(client.sent == 13);
  client.send("!");
  world.run_until([&] { return server.received == "head and body!"; });
}

TEST_CASE("each way ends by itself, and both ends close cleanly when both have") {
  for (const bool client_first : {true, false}) {
    CAPTURE(client_first);
    IoWorld world;
    TcpPair pair(world);
    Recorder first(std::move(client_first ? pair.client : pair.server));
    Recorder second(std::move(client_first ? pair.server : pair.client));
    first.send("last words");
    first.pipe->end();
    first.pipe->end();
    CHECK(first.pipe->write(to_bytes("too late")) == 8);
    world.run_until([&] { return second.ended; });
    CHECK(second.received == "last words");
    CHECK_FALSE(first.ended);
    second.send("still heard");
    world.run_until([&] { return first.received == "still heard"; });
    second.pipe->end();
    CHECK_FALSE(second.closed);  // not from inside end()
    world.run_until([&] { return first.closed && second.closed; });
    CHECK(first.ended);
    CHECK(first.closed_with(ErrorKind::none));
    CHECK(second.closed_with(ErrorKind::none));
    // Inert from now on.
    first.pipe->write(to_bytes("x"));
    first.pipe->end();
    first.pipe->credit(0);
    first.pipe->set_handler(&first);
    first.pipe->reset(ErrorKind::io);
    world.run_turns();
  }
}

TEST_CASE("an end from inside on_end closes both at once") {
  IoWorld world;
  TcpPair pair(world);
  Recorder client(std::move(pair.client));
  Recorder server(std::move(pair.server));
  server.on_fin = [&] { server.pipe->end(); };
  client.pipe->end();
  world.run_until([&] { return client.closed && server.closed; });
  CHECK(client.closed_with(ErrorKind::none));
}

TEST_CASE("a socket destroyed right after its end has sent its bytes and its FIN") {
  IoWorld world;
  TcpPair pair(world);
  Recorder server(std::move(pair.server));
  pair.client->write(to_bytes("goodbye"));
  pair.client->end();
  pair.client.reset();
  world.run_until([&] { return server.ended; });
  CHECK(server.received == "goodbye");
  CHECK_FALSE(server.closed);
}

TEST_CASE("a reset in the middle is a cut that the peer can tell from an end") {
  IoWorld world;
  TcpPair pair(world);
  Recorder client(std::move(pair.client));
  Recorder server(std::move(pair.server));
  client.send("half");
  client.pipe->reset(ErrorKind::io);
  world.run_until([&] { return server.closed.has_value(); });
  CHECK(server.closed_with(ErrorKind::closed));
  CHECK(server.closed->detail.ends_with("connection reset by peer"));
  CHECK_FALSE(server.ended);
  CHECK_FALSE(client.closed);
}

TEST_CASE("an idle connection that nobody wants any more is closed without a reset") {
  IoWorld world;
  TcpPair pair(world);
  Recorder server(std::move(pair.server));
  pair.client.reset();
  world.run_until([&] { return server.ended; });
  CHECK_FALSE(server.closed);
}

TEST_CASE("a connection dropped with bytes unread is reset") {
  IoWorld world;
  TcpPair pair(world);
  Recorder client(std::move(pair.client));
  Recorder server(std::move(pair.server));
  client.reads = false;
  server.send("never credited");
  world.run_until([&] { return !client.received.empty(); });
  client.pipe.reset();
  world.run_until([&] { return server.closed.has_value(); });
  CHECK(server.closed_with(ErrorKind::closed));
}

TEST_CASE("a socket may be laid in the graveyard from any of its events, and is silent from then on") {
  IoWorld world;
  for (int event = 0; event < 4; ++event) {
    CAPTURE(event);
    TcpPair pair(world);
    Recorder server(std::move(pair.server));
    Recorder client(std::move(pair.client));
    int heard = 0;
    const auto die = [&] {
      ++heard;
      if (server.pipe != nullptr) {
        server.reads = false;
        world.loop.runtime().graveyard.bury(std::move(server.pipe));
      }
    };
    const std::string bulk(16 << 20, 'x');
    switch (event) {
      case 0:
        server.on_bytes = [&](Bytes) { die(); };
        client.send(bulk);
        break;
      case 1:
        server.on_fin = die;
        client.pipe->end();
        break;
      case 2:
        server.on_room = die;
        server.send(bulk);
        break;
      case 3:
        server.on_close = die;
        client.pipe->reset(ErrorKind::io);
        break;
    }
    world.run_until([&] { return heard == 1; });
    world.run_turns(20);
    CHECK(heard == 1);
    CHECK(server.pipe == nullptr);
  }
}

TEST_CASE("a socket destroyed with bytes in flight leaves nothing behind") {
  IoWorld world;
  {
    TcpPair pair(world);
    pair.server->write(Bytes(std::vector<std::uint8_t>(32 << 20)));
    CHECK(pair.server->queued() > 0);
  }
  world.run_turns();
}

TEST_CASE("without a handler nothing is read, and nothing is lost") {
  IoWorld world;
  TcpPair pair(world);
  Recorder client(std::move(pair.client));
  Recorder server(std::move(pair.server));
  server.pipe->set_handler(nullptr);
  client.send("while you were out");
  client.pipe->end();
  world.run_turns(20);
  CHECK(server.received.empty());
  Recorder second;
  server.pipe->set_handler(&second);
  second.reads = false;
  world.run_until([&] { return second.ended; });
  CHECK(second.received == "while you were out");
  CHECK(server.received.empty());
  // What the former holder took is the new one's to credit.
  server.pipe->credit(second.received.size());
}

TEST_CASE("an answer that the peer sent before it reset the connection is still heard") {
  IoWorld world;
  TcpPair pair(world);
  Recorder client(std::move(pair.client));
  // The server answers early and closes with the request's body unread, so that its kernel resets.
  const std::string answer = "HTTP/1.1 413 Content Too Large\r\n\r\n";
  client.send(std::string(100, 'b'));
  world.run_turns();
  pair.server->write(to_bytes(answer));
  pair.server->end();
  pair.server.reset();
  for (int i = 0; i < 3; ++i) {
    client.send(std::string(1000, 'b'));
    CHECK_FALSE(client.closed);
  }
  // The reset comes when the answer has been acknowledged, and a write meets it.
  world.run_until([&] {
    if (!client.closed) client.send("b");
    return client.closed.has_value();
  });
  CHECK(client.received == answer);
  CHECK_FALSE(client.closed_with(ErrorKind::none));
}

TEST_CASE("a failure that a write meets is told in a later turn, and once") {
  IoWorld world;
  TcpPair pair(world);
  Recorder client(std::move(pair.client));
  pair.server->write(to_bytes("x"));
  pair.server->reset(ErrorKind::io);
  for (int i = 0; i < 1000 && !client.closed; ++i) {
    client.send(std::string(1000, 'x'));
    REQUIRE_FALSE(client.closed);
  }
  CHECK(client.pipe->queued() == 0);
  world.run_until([&] { return client.closed.has_value(); });
  world.run_turns();
  CHECK(client.closed_with(ErrorKind::closed));
}

TEST_CASE("a failure met while nobody listens waits for the next handler") {
  IoWorld world;
  TcpPair pair(world);
  pair.server->reset(ErrorKind::io);
  world.run_turns();
  pair.client->write(to_bytes("x"));
  pair.client->write(to_bytes("x"));
  world.run_turns();
  Recorder client(std::move(pair.client));
  CHECK_FALSE(client.closed);
  world.run_until([&] { return client.closed.has_value(); });
}

TEST_CASE("options of a link's socket are taken") {
  IoWorld world;
  TcpPair pair(world);
  pair.client->set_notsent_lowat(limits::notsent_lowat);
  pair.client->set_user_timeout(limits::user_timeout);
  Recorder client(std::move(pair.client));
  Recorder server(std::move(pair.server));
  client.send("as before");
  world.run_until([&] { return server.received == "as before"; });
}

TEST_CASE("a dialled connection is probed when quiet if that was asked for, an accepted one always") {
  IoWorld world;
  TcpPair pair(world);
  CHECK(kernel_timer(pair.client->local()) == 0);
  pair.client->set_keepalive(limits::tcp_keepalive);
  CHECK(kernel_timer(pair.client->local()) == 2);
  // Who was accepted has it from the listener: a visitor may be silent for an hour.
  CHECK(kernel_timer(pair.server->local()) == 2);
  pair.client->reset(ErrorKind::cancelled);
  pair.client->set_keepalive(limits::tcp_keepalive);
}

}  // namespace tenfold
