// TlsSocket: cuts, refusals and deadlines, and the words for them.
#include <doctest/doctest.h>

#include "base/limits.h"
#include "tls_world.h"

namespace tenfold {
namespace {

using test::Recorder;
using test::TcpPair;
using test::TlsPair;
using test::TlsWorld;

}  // namespace

TEST_CASE("the transport's end without a close_notify is a cut, behind the bytes that came") {
  TlsWorld world;
  TlsPair pair(world);
  pair.client.send("half");
  world.run_until([&] { return pair.server.received == "half"; });
  pair.client_transport->end();
  world.run_until([&] { return pair.server.closed.has_value(); });
  CHECK_FALSE(pair.server.ended);
  CHECK(pair.server.closed_with(ErrorKind::closed));
  CHECK(pair.server.closed->detail == "connection cut without close_notify");
}

TEST_CASE("a reset is a reset of the transport") {
  TlsWorld world;
  TlsPair pair(world);
  pair.client.send("half");
  world.run_until([&] { return pair.server.received == "half"; });
  pair.client.pipe->reset(ErrorKind::io);
  world.run_until([&] { return pair.server.closed.has_value(); });
  CHECK(pair.server.closed_with(ErrorKind::closed));
  CHECK(pair.server.closed->detail.ends_with("connection reset by peer"));
  world.run_turns();
  CHECK_FALSE(pair.client.closed);
}

TEST_CASE("a certificate that does not verify closes both sides with words") {
  TlsWorld world;
  TcpPair tcp(world);
  Recorder client(world.client(
      std::move(tcp.client), [] { FAIL("ready"); }, "other.example"));
  Recorder server(world.server(std::move(tcp.server)));
  client.send("a secret");
  world.run_until([&] { return client.closed && server.closed; });
  CHECK(client.closed_with(ErrorKind::tls));
  CHECK(client.closed->detail == "certificate is for broker.example, not other.example");
  CHECK(server.closed_with(ErrorKind::tls));
  CHECK(server.closed->detail.starts_with("the peer refused: "));
  CHECK(server.received.empty());
}

TEST_CASE("plain HTTP to a TLS port is called so") {
  TlsWorld world;
  TcpPair tcp(world);
  Recorder browser(std::move(tcp.client));
  Recorder server(world.server(std::move(tcp.server)));
  browser.send("GET / HTTP/1.1\r\nHost: broker.example\r\n\r\n");
  world.run_until([&] { return server.closed.has_value(); });
  CHECK(server.closed_with(ErrorKind::tls));
  CHECK(server.closed->detail == "not TLS: the peer speaks plain HTTP");
  server.pipe.reset();
  world.run_until([&] { return browser.ended; });
}

TEST_CASE("TLS to a plain HTTP port is called so") {
  TlsWorld world;
  TcpPair tcp(world);
  Recorder client(world.client(std::move(tcp.client)));
  Recorder server(std::move(tcp.server));
  world.run_until([&] { return !server.received.empty(); });
  server.send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  server.pipe->end();
  world.run_until([&] { return client.closed.has_value(); });
  CHECK(client.closed_with(ErrorKind::tls));
  CHECK(client.closed->detail == "not TLS: the peer speaks plain HTTP");
}

TEST_CASE("a connection that ends in the handshake says so") {
  TlsWorld world;
  TcpPair tcp(world);
  Recorder client(world.client(std::move(tcp.client)));
  tcp.server->end();
  world.run_until([&] { return client.closed.has_value(); });
  CHECK(client.closed_with(ErrorKind::closed));
  CHECK(client.closed->detail == "connection closed in the TLS handshake");
}

TEST_CASE("a handshake that does not come to its end is a timeout") {
  TlsWorld world;
  TcpPair tcp(world);
  Recorder server(world.server(std::move(tcp.server)));
  tcp.client->write(to_bytes("\x16"));
  // The time is moved on by hand; the deadline is the only thing that is due.
  world.loop.post([&] {
    TimerQueue& timers = world.loop.runtime().timers;
    const TimePoint later = timers.now() + limits::tls_handshake_time;
    timers.run(later - 1ms);
    CHECK_FALSE(server.closed);
    timers.run(later);
  });
  world.run_until([&] { return server.closed.has_value(); });
  CHECK(server.closed_with(ErrorKind::timeout));
}

TEST_CASE("a failure while nobody listens waits for the handler") {
  TlsWorld world;
  TcpPair tcp(world);
  auto server = world.server(std::move(tcp.server));
  tcp.client->write(to_bytes("hello?\r\n"));
  world.run_turns(20);
  Recorder late(std::move(server));
  CHECK_FALSE(late.closed);
  world.run_until([&] { return late.closed.has_value(); });
  CHECK(late.closed->detail == "not TLS: the peer speaks something else");
}

TEST_CASE("a TLS socket may be laid in the graveyard from any of its events") {
  TlsWorld world;
  for (int event = 0; event < 5; ++event) {
    CAPTURE(event);
    TcpPair tcp(world);
    int heard = 0;
    std::unique_ptr<Recorder> server = std::make_unique<Recorder>();
    const auto die = [&] {
      ++heard;
      server->reads = false;
      if (server->pipe != nullptr) world.loop.runtime().graveyard.bury(std::move(server->pipe));
    };
    server->hold(
        world.server(std::move(tcp.server), event == 4 ? std::function<void()>(die) : std::function<void()>()));
    Recorder client(world.client(std::move(tcp.client)));
    switch (event) {
      case 0:
        server->on_bytes = [&](Bytes) { die(); };
        client.send(std::string(1 << 20, 'x'));
        break;
      case 1:
        server->on_fin = die;
        client.send("x");
        client.pipe->end();
        break;
      case 2:
        server->on_room = die;
        server->send(std::string(16 << 20, 'x'));
        break;
      case 3:
        server->on_close = die;
        client.pipe->reset(ErrorKind::io);
        break;
      default: break;
    }
    world.run_until([&] { return heard == 1; });
    world.run_turns(20);
    CHECK(heard == 1);
  }
}

TEST_CASE("a TLS socket destroyed in its handshake is silent") {
  TlsWorld world;
  TcpPair tcp(world);
  auto client = world.client(std::move(tcp.client), [] { FAIL("ready"); });
  Recorder server(std::move(tcp.server));
  world.run_until([&] { return !server.received.empty(); });
  client.reset();
  world.run_until([&] { return server.ended || server.closed; });
}

}  // namespace tenfold
