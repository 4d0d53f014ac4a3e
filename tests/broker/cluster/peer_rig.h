// Replicas in one process: doors, the links dialled to them, apps behind tunnels, and a visitor. Every connection is a
// pipe in memory; the loop is a real one, whose deadlines a test brings on.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/app/app_request.h"
#include "broker/cluster/peer_door.h"
#include "broker/cluster/peer_links.h"
#include "broker/cluster/remote_tunnel.h"
#include "http/failure_texts.h"
#include "http1/server_connection.h"
#include "support/memory_pipe.h"
#include "support/test_runtime.h"

namespace tenfold::broker::peer_test {

using tenfold::test::MemoryPipe;

// All pipes of a rig, and the turns in which their bytes move.
class World {
 public:
  // With a deadline ahead the loop always has something to wait for.
  World() { loop.runtime().timers.arm_in(late_, 24h); }
  ~World() { loop.runtime().graveyard.clear(); }

  MemoryPipe& pipe() {
    pipes_.push_back(std::make_unique<MemoryPipe>(loop.runtime()));
    return *pipes_.back();
  }

  // Until all has been said.
  void turn() {
    for (int quiet = 0; quiet < 3;) {
      // From inside a turn, so that this one is whole.
      loop.post([this] { loop.post([this] { loop.stop(); }); });
      loop.run();
      bool moved = false;
      for (std::size_t i = 0; i < pipes_.size(); ++i) moved |= pipes_[i]->step();
      quiet = moved ? 0 : quiet + 1;
    }
  }

  // Whatever is due within `time` from now is due at once.
  void bring_on(Duration time) {
    const TimePoint now = std::chrono::steady_clock::now();
    loop.runtime().timers.run(now + time, &loop.runtime().graveyard);
    turn();
  }

  bool logged(std::string_view part) const {
    for (const std::string& line : log.lines) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

  tenfold::test::RecordingLog log;
  Loop loop{log};

 private:
  struct Late final : Timer {
    void on_timer() override { FAIL("a day has passed"); }
  } late_;
  std::vector<std::unique_ptr<MemoryPipe>> pipes_;
};

// One end of a pipe that keeps what it hears.
struct Ear final : Duplex::Handler {
  explicit Ear(std::unique_ptr<Duplex> end) : pipe(std::move(end)) { pipe->set_handler(this); }
  void on_data(Bytes bytes) override {
    heard += to_text(bytes);
    pipe->credit(bytes.size());
  }
  void on_end() override { ended = true; }
  void on_sent(std::size_t) override {}
  void on_closed(const Error& why) override { closed = why; }
  void say(std::string_view text) { pipe->write(to_bytes(text)); }
  std::string take() { return std::exchange(heard, {}); }

  std::unique_ptr<Duplex> pipe;
  std::string heard;
  bool ended = false;
  std::optional<Error> closed;
};

// A tunnel that stands on its replica; its app is the test.
class AppTunnel final : public Tunnel {
 public:
  AppTunnel(World& world, std::string name) : Tunnel(world.loop.runtime(), std::move(name)), world_(world) {}

  void open(Opening& opening) override {
    peer = opening.opening_peer();
    if (refuses) return opening.on_open_failed(refuses);
    if (holds) return waiting.push_back(opening, never);
    MemoryPipe& pipe = world_.pipe();
    apps.push_back(std::make_unique<Ear>(pipe.take_right()));
    opening.on_open(Upstream(shared_from_this(), pipe.take_left(), false));
  }
  std::size_t connected() const override { return apps.size(); }
  const char* kind() const override { return "test"; }

  std::vector<std::unique_ptr<Ear>> apps;  // in the order of opening
  std::string peer;                        // that the last opening named
  Error refuses;
  bool holds = false;  // who opens waits
  OpeningList waiting;
  int gone = 0;

 private:
  void take_back(std::unique_ptr<Duplex> pipe, Duration) override { runtime().graveyard.bury(std::move(pipe)); }
  void on_pipe_gone() override { ++gone; }
  void on_app_stuck() override {}
  bool someone_waits() const override { return false; }

  World& world_;
};

// A replica that others dial.
struct PeerSite {
  PeerSite(World& w, std::string id) : world(w), names(w.loop.runtime()), door(w.loop, names, std::move(id)) {}
  // Its streams hold pipes of tunnels.
  ~PeerSite() { door.close(); }

  std::shared_ptr<AppTunnel> add(const std::string& name, std::shared_ptr<const VisitorPolicy> policy = nullptr) {
    const Result<Claim> made = names.claim({name, make_claimant("team", "the-first-instance", "")});
    REQUIRE(made);
    claim = *made;
    auto tunnel = std::make_shared<AppTunnel>(world, name);
    names.attach(claim, tunnel, std::move(policy));
    return tunnel;
  }

  World& world;
  NameTable names;
  Claim claim;  // of the last tunnel
  PeerDoor door;
};

class MemoryDialer final : public PeerDialer {
 public:
  explicit MemoryDialer(World& world) : world_(world) {}

  std::unique_ptr<Dialling> dial(const Address& address, OnDone on_done) override {
    ++dials;
    auto dialling = std::make_unique<Pending>(world_, *this, address, std::move(on_done));
    if (!silent) world_.loop.runtime().timers.arm_in(*dialling, Duration::zero());
    return dialling;
  }

  std::map<std::string, PeerDoor*> doors;  // by address; none: refused
  int dials = 0;
  bool silent = false;            // no dial is answered
  std::unique_ptr<Ear> stranger;  // when set by `strange`: who answers in a door's place
  bool strange = false;

 private:
  struct Pending final : Dialling, Timer {
    Pending(World& w, MemoryDialer& d, const Address& a, OnDone done)
        : world(w), dialer(d), address(a), on_done(std::move(done)) {}
    void on_timer() override {
      const auto door = dialer.doors.find(to_string(address));
      if (door == dialer.doors.end() && !dialer.strange) {
        return on_done(Error{ErrorKind::refused, to_string(address) + ": connection refused"});
      }
      MemoryPipe& pipe = world.pipe();
      std::unique_ptr<Duplex> mine = pipe.take_left();
      if (dialer.strange) {
        dialer.stranger = std::make_unique<Ear>(pipe.take_right());
      } else {
        door->second->take(pipe.take_right(), "198.51.100.1:4000");
      }
      on_done(std::move(mine));
    }
    World& world;
    MemoryDialer& dialer;
    const Address address;
    const OnDone on_done;
  };

  World& world_;
};

// Knows what the test says.
class TestRegistry final : public Registry {
 public:
  using Registry::Registry;
  void attach(const Claim&, std::shared_ptr<Tunnel>, std::shared_ptr<const VisitorPolicy>) override {}
  void hold(const Claim&) override {}
  void release(const Claim&) override {}
  void give_up(const Claim&) override {}
  void unlearn(std::string_view name) override {
    unlearned.emplace_back(name);
    if (forgets) found = {};
  }
  std::size_t size() const override { return 0; }
  // To those who wait.
  void answer() {
    while (Lookup* lookup = lookups_.pop_front()) lookup->on_found(found);
  }
  void go_away() {
    while (Lookup* lookup = lookups_.pop_front()) lookup->on_registry_away();
  }
  bool is_asked() const { return !lookups_.empty(); }

  NameTable::Found found;
  bool later = false;    // not at once
  bool forgets = false;  // what it is told to
  int asked = 0;
  std::vector<std::string> unlearned;

 private:
  std::optional<NameTable::Found> find_at_once(std::string_view) override {
    ++asked;
    return later ? std::nullopt : std::optional(found);
  }
  void on_lookup(Lookup&) override {}
  void on_claim(ClaimCall&) override {}
};

// A visitor of a tunnel: one connection, a request at a time, and no desk in between.
class Visitor final : private http1::ServerConnection::Owner, private AppRequest::Owner {
 public:
  Visitor(World& world, std::shared_ptr<Tunnel> of) : tunnel(std::move(of)), world_(world) {
    MemoryPipe& pipe = world.pipe();
    browser = std::make_unique<Ear>(pipe.take_right());
    http1::ServerConnection::Owner& owner = *this;
    connection_ = std::make_unique<http1::ServerConnection>(shared_, patience, owner, pipe.take_left());
    connection_->start();
  }

  // What comes back.
  std::string says(std::string_view text) {
    browser->say(text);
    world_.turn();
    return browser->take();
  }

  std::shared_ptr<Tunnel> tunnel;  // of the next request
  std::unique_ptr<Ear> browser;
  Error failure;  // of the last request

 private:
  void on_request(http::ServerStream& stream) override {
    stream_ = &stream;
    record_.begin(world_.loop.runtime().now(), "id", "203.0.113.9:1234");
    const ForwardedRequest forwarded{stream.head(), stream.body(), "203.0.113.9", "203.0.113.9", "https", "id"};
    request_.start(tunnel, stream, forwarded, patience, record_);
  }
  void on_fault(http::ServerStream&, const http::Fault&, http::Limit) override { FAIL("a fault"); }
  void on_connection_closed(http1::ServerConnection&, const http::Gone&) override {
    world_.loop.runtime().graveyard.bury(std::move(connection_));
  }
  void on_app_request_over(AppRequest::Ending ending, const Error& why, http::Limit) override {
    failure = why;
    if (ending != AppRequest::Ending::failed) return;
    if (stream_->answered()) return stream_->abort();
    http::ResponseHead head;
    head.status = failure_form(why).status;
    stream_->answer(head, {http::BodySize::Kind::known, 0});
    stream_->end({});
  }
  void on_app_request_upgrading() override {}

  World& world_;
  const http::Patience patience{};
  http1::ServerShared shared_{world_.loop.runtime()};
  RequestRecord record_;
  http::ServerStream* stream_ = nullptr;
  AppRequest request_{world_.loop.runtime(), shared_.head_buffers, *this};
  std::unique_ptr<http1::ServerConnection> connection_;
};

}  // namespace tenfold::broker::peer_test
