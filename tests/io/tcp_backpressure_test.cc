// TcpSocket: nobody holds more than the windows say, and bulk arrives whole.
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "base/limits.h"
#include "io_world.h"
#include "splice.h"

namespace tenfold {
namespace {

using test::Hash;
using test::IoWorld;
using test::Recorder;
using test::TcpPair;

}  // namespace

TEST_CASE("a socket delivers at most its window ahead of the credit") {
  IoWorld world;
  TcpPair pair(world);
  pair.server->set_window(100'000);
  Recorder server(std::move(pair.server));
  server.reads = false;
  Recorder client(std::move(pair.client));
  const std::string bulk(1 << 20, 'x');
  client.send(bulk);
  world.run_until([&] { return server.total == 100'000; });
  world.run_turns(20);
  CHECK(server.total == 100'000);
  // It runs on from the low mark, not from the first byte of credit.
  server.pipe->credit(10'000);
  world.run_turns(20);
  CHECK(server.total == 100'000);
  server.reads = true;
  server.pipe->credit(90'000);
  world.run_until([&] { return server.total == bulk.size(); });
  CHECK(server.received == bulk);
}

TEST_CASE("a socket with much to read has one read a turn, and others go on in between") {
  IoWorld world;
  TcpPair pair(world);
  Recorder reader(std::move(pair.server));
  Recorder writer(std::move(pair.client));
  reader.keeps = false;
  constexpr std::size_t size = 8 << 20;
  std::size_t in_turn = 0;
  std::size_t most_in_turn = 0;
  reader.on_bytes = [&](Bytes bytes) {
    in_turn += bytes.size();
    most_in_turn = std::max(most_in_turn, in_turn);
  };
  std::function<void()> next = [&] {
    in_turn = 0;
    if (reader.total < size) world.loop.post(next);
  };
  world.loop.post(next);
  writer.send(std::string(size, 'x'));
  world.run_until([&] { return reader.total == size; });
  // One before the task of a turn, one after that of the turn before.
  CHECK(most_in_turn <= 2 * limits::read_at_once);
}

TEST_CASE("a window made smaller or larger holds from then on") {
  IoWorld world;
  TcpPair pair(world);
  TcpSocket& socket = *pair.server;
  socket.set_window(1000);
  Recorder server(std::move(pair.server));
  server.reads = false;
  Recorder client(std::move(pair.client));
  client.send(std::string(10'000, 'x'));
  world.run_until([&] { return server.total == 1000; });
  socket.set_window(500);
  world.run_turns();
  CHECK(server.total == 1000);
  socket.set_window(5000);
  world.run_until([&] { return server.total == 5000; });
}

TEST_CASE("what a write keeps is told of as it leaves, to the last byte") {
  IoWorld world;
  TcpPair pair(world);
  Recorder client(std::move(pair.client));
  Recorder server(std::move(pair.server));
  server.pipe->set_handler(nullptr);
  const std::string bulk(8 << 20, 'x');
  client.send(bulk);
  CHECK(client.pipe->queued() > 0);
  CHECK(client.sent + client.pipe->queued() == bulk.size());
  client.send("tail");
  CHECK(client.sent + client.pipe->queued() == bulk.size() + 4);
  world.run_turns(20);
  CHECK(client.sent + client.pipe->queued() == bulk.size() + 4);
  client.pipe->end();
  server.pipe->set_handler(&server);
  world.run_until([&] { return server.ended; });
  CHECK(client.sent == bulk.size() + 4);
  CHECK(client.pipe->queued() == 0);
  CHECK(server.received == bulk + "tail");
}

TEST_CASE("64 MiB arrive whole through a splice, and the splice holds no more than its windows") {
  constexpr std::uint64_t size = std::uint64_t{64} << 20;
  IoWorld world;
  TcpPair in(world);
  TcpPair out(world);
  struct Owner final : Splice::Owner {
    void on_splice_done(Splice&, const Error& why) override { done = why; }
    std::optional<Error> done;
  } owner;
  Duplex* const relay_out = out.client.get();
  Splice splice(world.loop.runtime(), std::move(in.server), std::move(out.client), owner);
  splice.start();

  Recorder source(std::move(in.client));
  Recorder sink(std::move(out.server));
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
    most_queued = std::max(most_queued, relay_out->queued());
  };
  sink.on_fin = [&] { sink.pipe->end(); };
  // The sink sleeps until the whole way to it is full.
  sink.pipe->set_handler(nullptr);
  world.loop.post(write_on);
  world.run_until([&] { return relay_out->queued() >= limits::buffered_high / 2; });
  world.run_turns(20);
  most_queued = relay_out->queued();
  sink.pipe->set_handler(&sink);

  world.run_until([&] { return owner.done.has_value(); }, 120s);
  CHECK(owner.done->kind == ErrorKind::none);
  CHECK(sink.total == size);
  CHECK(received.value() == sent.value());
  CHECK(most_queued <= limits::buffered_high);
  CHECK(source.closed_with(ErrorKind::none));
}

TEST_CASE("an answer whose sender resets behind it is read whole, though its reader pauses and our writes fail") {
  IoWorld world;
  TcpPair pair(world);
  Recorder client(std::move(pair.client));
  const std::string answer(limits::buffered_high + 50'000, 'a');
  client.reads = false;
  Recorder server(std::move(pair.server));
  server.reads = false;
  server.send(answer);
  world.run_until([&] { return client.total >= limits::buffered_high && server.pipe->queued() == 0; });
  // It never reads the upload, so its close is a reset.
  client.send("an upload");
  world.run_until([&] { return server.total != 0; });
  server.pipe->reset(ErrorKind::io);
  world.run_turns(20);
  client.send("more of the upload");
  world.run_turns(20);
  client.send("and more");
  world.run_turns(20);
  CHECK_FALSE(client.closed);

  client.reads = true;
  client.pipe->credit(client.total);
  world.run_until([&] { return client.closed.has_value(); });
  CHECK(client.closed->kind == ErrorKind::closed);
  CHECK((client.received == answer));
}

}  // namespace tenfold
