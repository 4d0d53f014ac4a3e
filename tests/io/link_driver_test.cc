// LinkDriver: a link over a real connection: gathered writes, bulk, and how it ends.
#include "io/link_driver.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "../http2/raw_frames.h"
#include "base/limits.h"
#include "mux/link_stream.h"
#include "proto/control.pb.h"
#include "tls_world.h"

namespace tenfold {
namespace {

using test::Hash;
using test::Recorder;
using test::TcpPair;
using test::TlsWorld;
namespace raw = test::raw;

// A transport that notes the writes it gets.
class Watched final : public Duplex {
 public:
  Watched(std::unique_ptr<Duplex> pipe, std::vector<std::size_t>& writes) : pipe_(std::move(pipe)), writes_(writes) {}
  void set_handler(Handler* handler) override { pipe_->set_handler(handler); }
  std::size_t write(Bytes bytes) override {
    writes_.push_back(bytes.size());
    const std::size_t gone = pipe_->write(bytes);
    most_queued = std::max(most_queued, pipe_->queued());
    return gone;
  }
  std::size_t queued() const override { return pipe_->queued() + seems_to_keep; }
  void end() override { pipe_->end(); }
  void reset(ErrorKind why) override { pipe_->reset(why); }
  void credit(std::size_t n) override { pipe_->credit(n); }

  std::size_t most_queued = 0;
  std::size_t seems_to_keep = 0;  // bytes more than it really has

 private:
  std::unique_ptr<Duplex> pipe_;
  std::vector<std::size_t>& writes_;
};

// Takes what it is given, and says that it left when the test lets it.
class Full final : public Duplex {
 public:
  void set_handler(Handler* handler) override { handler_ = handler; }
  std::size_t write(Bytes bytes) override {
    written += to_text(bytes);
    if (!holds) return bytes.size();
    queued_ += bytes.size();
    return 0;
  }
  std::size_t queued() const override { return queued_; }
  void end() override {}
  void reset(ErrorKind) override {}
  void credit(std::size_t) override {}
  void let_go(std::size_t n) {
    queued_ -= n;
    handler_->on_sent(n);
  }
  void hear(const std::string& frames) { handler_->on_data(to_bytes(frames)); }

  std::string written;
  bool holds = false;

 private:
  Handler* handler_ = nullptr;
  std::size_t queued_ = 0;
};

struct End final : Link::Handler {
  End(Loop& loop, std::unique_ptr<Duplex> pipe, Link::Role role) {
    auto watched = std::make_unique<Watched>(std::move(pipe), writes);
    transport = watched.get();
    driver = std::make_unique<LinkDriver>(loop, std::move(watched), role, LinkOptions{}, *this);
  }
  void on_link_stream(std::unique_ptr<LinkStream> stream) override {
    LinkStream& accepted = *stream;
    streams.push_back(std::make_unique<Recorder>(std::move(stream)));
    if (on_stream) on_stream(*streams.back());
    accepted.accept();
  }
  void on_control(const control::ControlMessage&) override { ++messages; }
  void on_link_output() override { FAIL("stays with the driver"); }
  void on_link_draining() override { draining = true; }
  void on_link_closed(const Error& why) override {
    CHECK_FALSE(closed);
    closed = why;
    if (on_closed) on_closed();
  }

  std::unique_ptr<Recorder> open() {
    Result<std::unique_ptr<LinkStream>> stream = driver->link().open_stream({"blue-fox", ""});
    REQUIRE(stream);
    return std::make_unique<Recorder>(*std::move(stream));
  }

  std::vector<std::size_t> writes;
  Watched* transport;
  std::vector<std::unique_ptr<Recorder>> streams;
  std::function<void(Recorder&)> on_stream;
  std::function<void()> on_closed;
  int messages = 0;
  bool draining = false;
  std::optional<Error> closed;
  std::unique_ptr<LinkDriver> driver;
};

struct DriverPair {
  explicit DriverPair(TlsWorld& world, bool tls = false) : DriverPair(world, TcpPair(world), tls) {}
  DriverPair(TlsWorld& world, TcpPair tcp, bool tls)
      : broker(world.loop, tls ? std::unique_ptr<Duplex>(world.server(std::move(tcp.server))) : std::move(tcp.server),
               Link::Role::broker),
        agent(world.loop, tls ? std::unique_ptr<Duplex>(world.client(std::move(tcp.client))) : std::move(tcp.client),
              Link::Role::agent) {
    broker.driver->start({});
    agent.driver->start({});
    // Settings have gone both ways.
    world.run_turns(30);
    broker.writes.clear();
  }
  End broker;
  End agent;
};

}  // namespace

TEST_CASE("a stream's bytes go both ways over a link on a connection, in the clear and by TLS") {
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    TlsWorld world;
    DriverPair pair(world, tls);
    pair.agent.on_stream = [](Recorder& stream) {
      stream.on_bytes = [&stream](Bytes bytes) { stream.pipe->write(bytes); };
      stream.on_fin = [&stream] { stream.pipe->end(); };
    };
    auto stream = pair.broker.open();
    stream->send("echo");
    stream->pipe->end();
    world.run_until([&] { return stream->closed.has_value(); });
    CHECK(stream->received == "echo");
    CHECK(stream->closed_with(ErrorKind::none));
    control::ControlMessage message;
    message.mutable_notice()->set_text("hello");
    pair.broker.driver->link().send(message);
    world.run_until([&] { return pair.agent.messages == 1; });
  }
}

TEST_CASE("frames that are ready in one turn leave in one write") {
  TlsWorld world;
  DriverPair pair(world);
  std::vector<std::unique_ptr<Recorder>> streams;
  world.loop.post([&] {
    for (int i = 0; i < 20; ++i) {
      streams.push_back(pair.broker.open());
      streams.back()->send("GET / HTTP/1.1\r\nHost: blue-fox.example\r\n\r\n");
    }
  });
  world.run_until([&] { return pair.agent.streams.size() == 20; });
  CHECK(pair.broker.writes.size() == 1);
}

TEST_CASE("bulk goes in large writes, and little of it is queued below the link") {
  constexpr std::uint64_t size = std::uint64_t{16} << 20;
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    TlsWorld world;
    DriverPair pair(world, tls);
    auto stream = pair.broker.open();
    Hash sent;
    std::string block(100'000, '\0');
    std::mt19937 random(7);
    for (char& c : block) c = static_cast<char>(random());
    std::uint64_t written = 0;
    const auto write_on = [&] {
      while (written < size && stream->pipe->queued() < limits::buffered_high) {
        const std::string_view piece = std::string_view(block).substr(0, size - written);
        sent.add(to_bytes(piece));
        written += piece.size();
        stream->send(piece);
      }
      if (written == size) stream->pipe->end();
    };
    stream->on_room = write_on;
    Hash received;
    pair.agent.on_stream = [&](Recorder& there) {
      there.keeps = false;
      there.on_bytes = [&](Bytes bytes) { received.add(bytes); };
    };
    world.loop.post(write_on);
    world.run_until([&] { return !pair.agent.streams.empty() && pair.agent.streams[0]->ended; }, 120s);
    CHECK(pair.agent.streams[0]->total == size);
    CHECK(received.value() == sent.value());
    CHECK(pair.broker.transport->most_queued > 2 * limits::flush_small);
    CHECK(pair.broker.transport->most_queued < limits::flush_small + limits::flush_bulk + 4096);
  }
}

TEST_CASE("a transport that keeps what it was given gets small writes, so that bulk waits where it can be passed") {
  for (const bool keeps : {false, true}) {
    CAPTURE(keeps);
    TlsWorld world;
    DriverPair pair(world);
    auto bulk = pair.broker.open();
    world.run_until([&] { return pair.agent.streams.size() == 1; });
    if (keeps) pair.broker.transport->seems_to_keep = 1;
    pair.broker.transport->most_queued = 0;
    world.loop.post([&] { bulk->send(std::string(limits::flush_bulk, 'x')); });
    world.run_until([&] { return pair.agent.streams[0]->total == limits::flush_bulk; });
    CHECK((pair.broker.transport->most_queued <= limits::flush_small + 1) == keeps);
  }
}

TEST_CASE("where what was left of a write waited for a slow path, writes are small for a while") {
  for (const bool slow : {false, true}) {
    CAPTURE(slow);
    TlsWorld world;
    auto owned = std::make_unique<Full>();
    Full& transport = *owned;
    End broker(world.loop, std::move(owned), Link::Role::broker);
    broker.driver->start({});
    world.run_turns(5);
    world.loop.post([&] {
      transport.hear(raw::agent_start(raw::setting(4, 1 << 20)));  // SETTINGS_INITIAL_WINDOW_SIZE
      transport.hear(raw::open_window(0, 1 << 20));
    });
    auto bulk = broker.open();
    world.run_turns(5);
    transport.holds = true;
    bulk->send(std::string(3 * limits::flush_bulk, 'x'));
    world.run_turns(5);
    REQUIRE(transport.queued() > limits::flush_bulk / 2);
    const auto let_go_half = [&] { transport.let_go(transport.queued() / 2); };
    const auto let_go_all = [&] { transport.let_go(transport.queued()); };
    if (slow) {
      world.loop.post(let_go_half);
      const TimePoint then = std::chrono::steady_clock::now() + 2 * limits::flush_slow;
      world.run_until([&] { return std::chrono::steady_clock::now() > then; });
      world.loop.post(let_go_all);
    } else {
      world.loop.post([&] {
        let_go_half();
        let_go_all();
      });
    }
    world.run_turns(5);
    if (slow) {
      CHECK(transport.queued() == limits::flush_small);
    } else {
      CHECK(transport.queued() > limits::flush_bulk / 2);
    }
  }
}

TEST_CASE("a link whose output vanished while its transport was full goes on when that has room again") {
  TlsWorld world;
  auto owned = std::make_unique<Full>();
  Full& transport = *owned;
  End broker(world.loop, std::move(owned), Link::Role::broker);
  broker.driver->start({});
  world.loop.post([&] { transport.hear(raw::frame(raw::settings, 0, 0)); });
  auto full = broker.open();
  world.run_turns(5);
  transport.holds = true;
  full->send("x");  // the transport keeps it, so that it gets no more than small writes from here on
  world.run_turns(5);
  full->send(std::string(2 * limits::flush_small, 'x'));  // its window is larger
  world.run_turns(5);
  REQUIRE(transport.queued() >= limits::flush_small);

  // What is left of it was announced, cannot leave, and goes with its stream: the agent wants no more of it.
  REQUIRE(broker.driver->link().want_output());
  world.loop.post([&] { transport.hear(raw::reset(3, 8)); });
  world.run_turns(5);
  REQUIRE(full->closed);
  REQUIRE_FALSE(broker.driver->link().want_output());
  world.loop.post([&] {
    transport.holds = false;
    transport.let_go(transport.queued());
  });
  world.run_turns(5);

  auto next = broker.open();
  next->send("goes on");
  world.run_turns(5);
  CHECK(transport.written.find("goes on") != std::string::npos);
}

TEST_CASE("bytes that came behind the handshake are the link's first") {
  TlsWorld world;
  TcpPair tcp(world);
  End agent(world.loop, std::move(tcp.client), Link::Role::agent);
  agent.driver->start({});
  // A former holder reads the agent's first frames.
  struct Former final : Duplex::Handler {
    void on_data(Bytes bytes) override { got += to_text(bytes); }
    void on_end() override {}
    void on_sent(std::size_t) override {}
    void on_closed(const Error&) override {}
    std::string got;
  } former;
  tcp.server->set_handler(&former);
  world.run_until([&] { return !former.got.empty(); });
  End broker(world.loop, std::move(tcp.server), Link::Role::broker);
  broker.driver->start(to_bytes(former.got));
  auto stream = broker.open();
  stream->send("hello");
  world.run_until([&] { return agent.streams.size() == 1 && agent.streams[0]->received == "hello"; });
}

TEST_CASE("a closed link says goodbye before its connection ends") {
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    TlsWorld world;
    DriverPair pair(world, tls);
    auto stream = pair.broker.open();
    stream->send("cut short");
    world.run_until([&] { return pair.agent.streams.size() == 1; });
    // The owner buries the driver as soon as it is closed.
    pair.broker.on_closed = [&] { world.loop.runtime().graveyard.bury(std::move(pair.broker.driver)); };
    pair.broker.driver->link().close();
    world.run_until([&] { return pair.broker.closed && pair.agent.closed; });
    CHECK(stream->closed);
    CHECK(pair.agent.streams[0]->closed);
    CHECK(pair.agent.draining);  // the GOAWAY came through
  }
}

TEST_CASE("a cut connection closes the link, and every stream hears it") {
  TlsWorld world;
  DriverPair pair(world);
  auto stream = pair.broker.open();
  stream->send("x");
  world.run_until([&] { return pair.agent.streams.size() == 1; });
  pair.agent.driver.reset();
  world.run_until([&] { return pair.broker.closed.has_value(); });
  CHECK(*pair.broker.closed);
  REQUIRE(stream->closed);
  CHECK(*stream->closed);
}

}  // namespace tenfold
