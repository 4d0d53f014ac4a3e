// TlsSocket: a pipe as any other: bytes, ends, windows, accounts.
#include "io/tls_socket.h"

#include <doctest/doctest.h>

#include <random>

#include "base/limits.h"
#include "splice.h"
#include "tls_world.h"

namespace tenfold {
namespace {

using test::Hash;
using test::Recorder;
using test::TcpPair;
using test::TlsPair;
using test::TlsWorld;

}  // namespace

TEST_CASE("bytes go both ways; what is written before the handshake waits and is told of when it leaves") {
  TlsWorld world;
  TlsPair pair(world);
  CHECK(pair.client.pipe->write(to_bytes("question")) == 0);
  CHECK(pair.client.pipe->queued() == 8);
  pair.server.send("answer");
  world.run_until([&] { return pair.server.received == "question" && pair.client.received == "answer"; });
  world.run_until([&] { return pair.client.sent == 8 && pair.server.sent == 6; });
  CHECK(pair.client.pipe->queued() == 0);
  pair.client.send("more");
  world.run_until([&] { return pair.server.received == "questionmore" && pair.client.sent == 12; });
}

TEST_CASE("both sides are told once that the handshake is done, before any data") {
  TlsWorld world;
  TcpPair tcp(world);
  std::string log;
  Recorder client(world.client(std::move(tcp.client), [&] { log += 'c'; }));
  Recorder server(world.server(std::move(tcp.server), [&] { log += 's'; }));
  server.on_bytes = [&](Bytes) { CHECK(log.find('s') != std::string::npos); };
  client.send("x");
  world.run_until([&] { return server.received == "x"; });
  CHECK(log == "cs");
}

TEST_CASE("each way ends by itself, and both ends close cleanly when both have ended") {
  for (const bool client_first : {true, false}) {
    CAPTURE(client_first);
    TlsWorld world;
    TlsPair pair(world);
    Recorder& first = client_first ? pair.client : pair.server;
    Recorder& second = client_first ? pair.server : pair.client;
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
    CHECK_FALSE(second.closed);
    world.run_until([&] { return first.closed && second.closed; });
    CHECK(first.ended);
    CHECK(first.closed_with(ErrorKind::none));
    CHECK(second.closed_with(ErrorKind::none));
    first.pipe->write(to_bytes("x"));
    first.pipe->end();
    first.pipe->reset(ErrorKind::io);
    world.run_turns();
  }
}

TEST_CASE("a peer that leaves its connection open after both ends does not hold up the close") {
  TlsWorld world;
  TcpPair tcp(world);
  // The far side speaks TLS, but its transport never ends.
  struct Endless final : Duplex {
    explicit Endless(std::unique_ptr<Duplex> p) : pipe(std::move(p)) {}
    void set_handler(Handler* handler) override { pipe->set_handler(handler); }
    std::size_t write(Bytes bytes) override { return pipe->write(bytes); }
    std::size_t queued() const override { return pipe->queued(); }
    void end() override {}
    void reset(ErrorKind why) override { pipe->reset(why); }
    void credit(std::size_t n) override { pipe->credit(n); }
    std::unique_ptr<Duplex> pipe;
  };
  Recorder client(world.client(std::make_unique<Endless>(std::move(tcp.client))));
  Recorder server(world.server(std::move(tcp.server)));
  client.pipe->end();
  world.run_until([&] { return server.ended; });
  server.pipe->end();
  world.run_until([&] { return server.closed.has_value(); });
  CHECK(server.closed_with(ErrorKind::none));
}

TEST_CASE("without a handler the handshake is done, and nothing after it is read or lost") {
  TlsWorld world;
  TcpPair tcp(world);
  bool ready = false;
  auto server = world.server(std::move(tcp.server), [&] { ready = true; });
  Recorder client(world.client(std::move(tcp.client)));
  client.send("early ");
  world.run_until([&] { return ready; });
  client.send("bird");
  client.pipe->end();
  world.run_turns(20);
  Recorder taker;
  server->set_handler(&taker);
  CHECK(taker.received.empty());
  taker.pipe = std::move(server);
  world.run_until([&] { return taker.ended; });
  CHECK(taker.received == "early bird");
}

TEST_CASE("a handler that lets go in the middle of a burst gets no more, and the next one the rest") {
  TlsWorld world;
  TlsPair pair(world);
  const std::string bulk(200'000, 'x');
  pair.server.on_bytes = [&](Bytes) { pair.server.pipe->set_handler(nullptr); };
  pair.client.send(bulk);
  world.run_until([&] { return pair.server.total > 0; });
  const std::uint64_t first = pair.server.total;
  world.run_turns(20);
  CHECK(pair.server.total == first);
  Recorder second;
  second.reads = false;
  pair.server.pipe->set_handler(&second);
  world.run_until([&] { return first + second.total == bulk.size(); });
  pair.server.pipe->credit(second.total);
}

TEST_CASE("a TLS socket delivers about its transport's window ahead of the credit") {
  TlsWorld world;
  TlsPair pair(world);
  pair.server.reads = false;
  const std::string bulk(2 << 20, 'x');
  pair.client.send(bulk);
  world.run_until([&] { return pair.server.total > limits::buffered_high - 2 * 16384; });
  world.run_turns(20);
  CHECK(pair.server.total <= limits::buffered_high + 16384);
  pair.server.reads = true;
  pair.server.pipe->credit(pair.server.total);
  world.run_until([&] { return pair.server.total == bulk.size(); });
  CHECK(pair.server.received == bulk);
}

TEST_CASE("what a write keeps is told of as it leaves, to the last byte") {
  TlsWorld world;
  TlsPair pair(world);
  pair.client.send("x");
  world.run_until([&] { return pair.server.received == "x" && pair.client.sent == 1; });
  pair.client.sent = 0;
  pair.server.pipe->set_handler(nullptr);
  const std::string bulk(8 << 20, 'y');
  pair.client.send(bulk);
  CHECK(pair.client.pipe->queued() > 0);
  CHECK(pair.client.sent + pair.client.pipe->queued() == bulk.size());
  pair.client.send("tail");
  world.run_turns(20);
  CHECK(pair.client.sent + pair.client.pipe->queued() == bulk.size() + 4);
  // Nothing counts as gone that is still queued as ciphertext.
  CHECK(pair.client.pipe->queued() + 600 * 22 >= pair.client_transport->queued());
  pair.client.pipe->end();
  pair.server.pipe->set_handler(&pair.server);
  world.run_until([&] { return pair.server.ended; });
  world.run_until([&] { return pair.client.sent == bulk.size() + 4; });
  CHECK(pair.client.pipe->queued() == 0);
  CHECK(pair.server.received == "x" + bulk + "tail");
}

TEST_CASE("64 MiB arrive whole through a splice of two TLS connections") {
  constexpr std::uint64_t size = std::uint64_t{64} << 20;
  TlsWorld world;
  TcpPair in(world);
  TcpPair out(world);
  struct Owner final : Splice::Owner {
    void on_splice_done(Splice&, const Error& why) override { done = why; }
    std::optional<Error> done;
  } owner;
  auto relay_out = world.client(std::move(out.client));
  Duplex* const watched = relay_out.get();
  Splice splice(world.loop.runtime(), world.server(std::move(in.server)), std::move(relay_out), owner);
  splice.start();
  Recorder source(world.client(std::move(in.client)));
  Recorder sink(world.server(std::move(out.server)));

  Hash sent;
  Hash received;
  std::size_t most_queued = 0;
  std::string block(300'000, '\0');
  std::mt19937 random(7);
  for (char& c : block) c = static_cast<char>(random());
  std::uint64_t written = 0;
  const auto write_on = [&] {
    while (written < size && source.pipe->queued() < limits::buffered_high) {
      const std::string_view piece = std::string_view(block).substr(0, size - written);
      sent.add(to_bytes(piece));
      written += piece.size();
      source.send(piece);
    }
    if (written == size) source.pipe->end();
  };
  source.on_room = write_on;
  sink.keeps = false;
  sink.on_bytes = [&](Bytes bytes) {
    received.add(bytes);
    most_queued = std::max(most_queued, watched->queued());
  };
  sink.on_fin = [&] { sink.pipe->end(); };
  world.loop.post(write_on);
  world.run_until([&] { return owner.done.has_value(); }, 120s);
  CHECK(owner.done->kind == ErrorKind::none);
  CHECK(sink.total == size);
  CHECK(received.value() == sent.value());
  CHECK(most_queued <= limits::buffered_high + 16384);
  CHECK(source.closed_with(ErrorKind::none));
}

}  // namespace tenfold
