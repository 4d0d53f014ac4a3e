// A loop, and what tests of sockets do on it: wait for something to come true, connect two sockets over
// loopback, note what a pipe says.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "io/dial.h"
#include "io/loop.h"
#include "io/tcp_listener.h"
#include "io/tcp_socket.h"
#include "support/test_runtime.h"

namespace tenfold::test {

// A pipe and everything that it said.
struct Recorder : Duplex::Handler {
  Recorder() = default;
  explicit Recorder(std::unique_ptr<Duplex> end) { hold(std::move(end)); }
  virtual ~Recorder() = default;

  void hold(std::unique_ptr<Duplex> end) {
    pipe = std::move(end);
    pipe->set_handler(this);
  }

  void on_data(Bytes bytes) override {
    CHECK_FALSE(ended);
    CHECK_FALSE(closed);
    total += bytes.size();
    if (keeps) received += to_text(bytes);
    if (on_bytes) on_bytes(bytes);
    if (reads) pipe->credit(bytes.size());
  }
  void on_end() override {
    CHECK_FALSE(ended);
    CHECK_FALSE(closed);
    ended = true;
    if (on_fin) on_fin();
  }
  void on_sent(std::size_t n) override {
    CHECK_FALSE(closed);
    sent += n;
    if (on_room) on_room();
  }
  void on_closed(const Error& why) override {
    CHECK_FALSE(closed);
    closed = why;
    if (on_close) on_close();
  }

  // write(), with the bytes that are gone at once counted, too.
  void send(std::string_view text) { sent += pipe->write(to_bytes(text)); }

  bool closed_with(ErrorKind kind) const { return closed && closed->kind == kind; }

  std::unique_ptr<Duplex> pipe;
  bool reads = true;  // credits at once
  bool keeps = true;  // what it receives
  std::function<void(Bytes)> on_bytes;
  std::function<void()> on_fin;
  std::function<void()> on_room;
  std::function<void()> on_close;
  std::string received;
  std::uint64_t total = 0;
  std::uint64_t sent = 0;
  bool ended = false;
  std::optional<Error> closed;
};

class IoWorld {
 public:
  // Runs the loop until `done`. The deadline is for a test that fails.
  void run_until(const std::function<bool()>& done, Duration most = 20s) {
    Watch watch(loop, done, most);
    loop.run();
    REQUIRE_MESSAGE(!watch.late, "this has not happened in time");
  }

  // Some turns, for what must not happen.
  void run_turns(int count = 5) {
    int left = count;
    std::function<void()> next = [&] {
      if (--left != 0) loop.post(next);
    };
    loop.post(next);
    run_until([&] { return left == 0; });
  }

  RecordingLog log;
  Loop loop{log};

 private:
  struct Watch final : Timer {
    Watch(Loop& on, const std::function<bool()>& what, Duration most)
        : loop(on), done(what), deadline(std::chrono::steady_clock::now() + most) {
      loop.runtime().timers.arm(*this, loop.runtime().now());
    }
    void on_timer() override {
      late = !done() && std::chrono::steady_clock::now() > deadline;
      if (late || done()) return loop.stop();
      loop.runtime().timers.arm(*this, std::chrono::steady_clock::now() + 500us);
    }
    Loop& loop;
    const std::function<bool()>& done;
    TimePoint deadline;
    bool late = false;
  };
};

inline std::unique_ptr<TcpListener> listen(Loop& loop, TcpListener::OnAccept on_accept,
                                           const std::string& ip = "127.0.0.1") {
  auto listener = TcpListener::open(loop, {ip, 0}, std::move(on_accept));
  if (!listener) FAIL(describe(listener.error()));
  return *std::move(listener);
}

// Two ends of one TCP connection over loopback.
struct TcpPair {
  explicit TcpPair(IoWorld& world) {
    std::unique_ptr<TcpListener> listener =
        listen(world.loop, [&](std::unique_ptr<TcpSocket> socket) { server = std::move(socket); });
    const Dial dial(world.loop, {"127.0.0.1", listener->port()}, 5s, [&](Result<std::unique_ptr<TcpSocket>> socket) {
      REQUIRE(socket);
      client = *std::move(socket);
    });
    world.run_until([&] { return server != nullptr && client != nullptr; });
  }

  std::unique_ptr<TcpSocket> client;
  std::unique_ptr<TcpSocket> server;
};

// FNV-1a, to compare streams too long to keep.
class Hash {
 public:
  void add(Bytes bytes) {
    for (const std::uint8_t byte : bytes) value_ = (value_ ^ byte) * 0x100000001b3u;
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325u;
};

}  // namespace tenfold::test
