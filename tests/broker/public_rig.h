// A broker's public side without a socket: a visitor's end of a pipe, the app's ends of the pipes
// that a tunnel opens, and the time in the test's hands.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/admission/admission.h"
#include "broker/desk/own_site.h"
#include "broker/desk/public_side.h"
#include "broker/front/visitor_h1.h"
#include "support/memory_pipe.h"
#include "support/test_runtime.h"

namespace tenfold::broker::test {

using tenfold::test::MemoryPipe;
using tenfold::test::TestRuntime;

// One end of a pipe that keeps what it hears. Credits at once unless told to hold back.
class Ear final : public Duplex::Handler {
 public:
  explicit Ear(std::unique_ptr<Duplex> end) : pipe(std::move(end)) { pipe->set_handler(this); }

  void on_data(Bytes bytes) override {
    heard += to_text(bytes);
    if (hold_back) {
      held += bytes.size();
    } else {
      pipe->credit(bytes.size());
    }
  }
  void on_end() override { ended = true; }
  void on_sent(std::size_t) override {}
  void on_closed(const Error& why) override {
    closed = true;
    cut = why.kind != ErrorKind::none;
  }

  void say(std::string_view text) { pipe->write(to_bytes(text)); }
  // What was heard, and forgets it.
  std::string take() { return std::exchange(heard, {}); }

  std::unique_ptr<Duplex> pipe;
  std::string heard;
  std::size_t held = 0;
  bool hold_back = false;
  bool ended = false;
  bool closed = false;
  bool cut = false;
};

// A tunnel whose app is the test.
class TestTunnel final : public Tunnel {
 public:
  TestTunnel(TestRuntime& rt, std::string name) : Tunnel(rt.runtime, std::move(name)), rt_(rt) {}

  void open(Opening& opening) override {
    ++opened;
    if (refuse_with.kind != ErrorKind::none) return opening.on_open_failed(refuse_with);
    if (!kept.empty() && !opening.opening_wants_fresh()) {
      std::unique_ptr<Duplex> pipe = std::move(kept.back());
      kept.pop_back();
      return opening.on_open(Upstream(shared_from_this(), std::move(pipe), true));
    }
    pipes.push_back(std::make_unique<MemoryPipe>(rt_.runtime));
    apps.push_back(std::make_unique<Ear>(pipes.back()->take_right()));
    opening.on_open(Upstream(shared_from_this(), pipes.back()->take_left(), false));
  }
  std::size_t connected() const override { return pipes.size(); }
  void note_waiting() { watch().make_room(); }
  const char* kind() const override { return "test"; }

  std::vector<std::unique_ptr<MemoryPipe>> pipes;
  std::vector<std::unique_ptr<Ear>> apps;     // the app's ends, in the order of opening
  std::vector<std::unique_ptr<Duplex>> kept;  // given back
  Duration kept_for{};                        // ... the last of them
  bool tells = false;                         // it says when nothing was begun
  bool gone_away = false;
  int stuck = 0;
  bool waits = false;  // somebody, for a pipe
  Error refuse_with;
  int opened = 0;
  int gone = 0;
  Tunnel* handed_to = nullptr;

 private:
  void on_handed_over() override { handed_to = successor(); }
  void take_back(std::unique_ptr<Duplex> pipe, Duration keep) override {
    kept.push_back(std::move(pipe));
    kept_for = keep;
  }
  bool tells_unbegun() const override { return tells; }
  bool agent_gone() const override { return gone_away; }
  void on_app_stuck() override { ++stuck; }
  bool someone_waits() const override { return waits; }
  void on_pipe_gone() override { ++gone; }

  TestRuntime& rt_;
};

class NoClassicDoor final : public ClassicDoor {
 public:
  Result<std::uint16_t> open_classic(const Claim& claim, std::string_view) override {
    if (full) return Error{ErrorKind::limit, "no port"};
    claims.push_back(claim);
    return std::uint16_t{4242};
  }
  std::size_t max_conn() const override { return 10; }
  std::vector<Claim> claims;
  bool full = false;
};

class Rig final : private VisitorH1::Owner {
 public:
  explicit Rig(const std::string& tunnel_name = "myapp", AdmissionOptions admission_options = {},
               const OwnSiteOptions& site_options = {})
      : admission(rt.runtime, std::move(admission_options)),
        own_site(rt.runtime, site_options, router, registry, admission, classic) {
    Result<Claim> claim = registry.claim(tunnel_name, "proof");
    tunnel = std::make_shared<TestTunnel>(rt, tunnel_name);
    registry.attach(*claim, tunnel);
    connect();
  }

  ~Rig() {
    visitor = nullptr;
    rt.graveyard.clear();
  }

  // A visitor of its own, in place of the present one.
  void connect(std::string_view ip = "203.0.113.9") {
    if (visitor != nullptr) rt.graveyard.bury(std::move(visitor));
    browser = nullptr;
    rt.graveyard.clear();
    visitor_pipe = std::make_unique<MemoryPipe>(rt.runtime);
    browser = std::make_unique<Ear>(visitor_pipe->take_right());
    VisitorH1::Owner& owner = *this;
    visitor = std::make_unique<VisitorH1>(side, owner, visitor_pipe->take_left(), std::string(ip) + ":1234",
                                          std::string(ip), "https");
    visitor->start();
  }

  // Moves every byte as far as it goes.
  void pump(std::size_t chop = static_cast<std::size_t>(-1)) {
    for (bool moved = true; moved;) {
      moved = visitor_pipe->step(chop);
      for (std::size_t i = 0; i < tunnel->pipes.size(); ++i) moved |= tunnel->pipes[i]->step(chop);
      rt.graveyard.clear();
    }
  }

  void browser_says(std::string_view text, std::size_t chop = static_cast<std::size_t>(-1)) {
    browser->say(text);
    pump(chop);
  }
  Ear& app(std::size_t i = 0) { return *tunnel->apps.at(i); }
  void app_says(std::string_view text, std::size_t i = 0, std::size_t chop = static_cast<std::size_t>(-1)) {
    app(i).say(text);
    pump(chop);
  }

  TestRuntime rt;
  Router router{"example.test"};
  TunnelRegistry registry{rt.runtime};
  Admission admission;
  NoClassicDoor classic;
  OwnSite own_site;
  ProxyList proxies;
  RequestIds request_ids;
  PublicSide side{rt.runtime, router, registry, own_site, proxies, request_ids};
  std::shared_ptr<TestTunnel> tunnel;
  std::unique_ptr<MemoryPipe> visitor_pipe;
  std::unique_ptr<Ear> browser;
  std::unique_ptr<VisitorH1> visitor;
  bool visitor_closed = false;
  std::unique_ptr<Duplex> link;  // a connection that became one
  std::string link_early;
  LinkGrant grant;

 private:
  void on_visitor_closed(VisitorH1&) override {
    visitor_closed = true;
    rt.graveyard.bury(std::move(visitor));
  }
  void on_link(VisitorH1&, std::unique_ptr<Duplex> connection, LinkGrant given, Bytes early) override {
    link = std::move(connection);
    link_early = to_text(early);
    grant = std::move(given);
  }
};

}  // namespace tenfold::broker::test
