// A broker's public side without a socket: a visitor's end of a pipe, the app's ends of the pipes
// that a tunnel opens, and the time in the test's hands.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/admission/admission.h"
#include "broker/desk/desk.h"
#include "broker/rules.h"
#include "broker/tunnels/memory_registry.h"
#include "http1/server_connection.h"
#include "some_tokens.h"
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
    peer = opening.opening_peer();
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
  std::string peer;  // that the last opening named
  int gone = 0;
  Tunnel* handed_to = nullptr;
  bool by_same_agent = false;

 private:
  void on_handed_over(bool same_agent) override {
    handed_to = successor();
    by_same_agent = same_agent;
  }
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
  Result<std::uint16_t> open_classic(const Claim& claim, std::string_view, std::string_view) override {
    if (full) return Error{ErrorKind::limit, "no port"};
    claims.push_back(claim);
    return std::uint16_t{4242};
  }
  std::size_t max_conn() const override { return 10; }
  std::vector<Claim> claims;
  bool full = false;
};

// Knows no slow hash: a password is right when it is the login's hash. Answers when it is told to.
class TestPasswords final : public PasswordCheck {
 public:
  std::optional<Verdict> ask(const VisitorLogin& login, std::string_view password, Call& call) override {
    ++asked;
    const Verdict verdict = login.hash == password ? Verdict::right : Verdict::wrong;
    if (!later) return verdict;
    calls.push_back(call);
    verdicts.push_back(verdict);
    return {};
  }
  void answer() {
    for (const Verdict verdict : std::exchange(verdicts, {})) {
      if (Call* call = calls.pop_front()) call->on_password(verdict);
    }
  }
  bool later = false;
  int asked = 0;
  IntrusiveList<Call> calls;

 private:
  std::vector<Verdict> verdicts;
};

// A visitor's connection as the front door makes it, without the door.
class TestVisit final : public Visit {
 public:
  using Visit::Visit;
  std::shared_ptr<int> tuned = std::make_shared<int>(0);

 private:
  void tune_for_link() override { ++*tuned; }
};

class Rig final : private http1::ServerConnection::Owner, private LinkOpener {
 public:
  explicit Rig(const std::string& tunnel_name = "myapp", AdmissionOptions admission_options = {},
               const OwnSiteOptions& site_options = {})
      : admission(rt.runtime, std::move(admission_options)), own_site(site_options, router, registry) {
    Result<Claim> claim = names.claim({tunnel_name, agent});
    tunnel = std::make_shared<TestTunnel>(rt, tunnel_name);
    names.attach(*claim, tunnel);
    connect();
  }

  ~Rig() {
    visitor = nullptr;
    desk.close();
    rt.graveyard.clear();
  }

  // Of the tunnel that stands from the start.
  const Claimant agent = make_claimant("", "the-first-instance", "");

  // A visitor of its own, in place of the present one.
  void connect(std::string_view ip = "203.0.113.9") {
    if (visitor != nullptr) rt.graveyard.bury(std::move(visitor));
    browser = nullptr;
    rt.graveyard.clear();
    visitor_pipe = std::make_unique<MemoryPipe>(rt.runtime);
    browser = std::make_unique<Ear>(visitor_pipe->take_right());
    const bool from_proxy = proxies.contains(std::string(ip));
    visit = std::make_shared<TestVisit>(std::string(ip) + ":1234", std::string(ip), "https", from_proxy,
                                        from_proxy ? proxy_patience : patience);
    http1::ServerConnection::Owner& owner = *this;
    visitor = std::make_unique<http1::ServerConnection>(shared, visit->patience(), owner, visitor_pipe->take_left());
    visitor->start();
  }

  // Moves every byte as far as it goes, and whatever is due now.
  void pump(std::size_t chop = static_cast<std::size_t>(-1)) {
    for (bool moved = true; moved;) {
      moved = visitor_pipe->step(chop);
      for (std::size_t i = 0; i < tunnel->pipes.size(); ++i) moved |= tunnel->pipes[i]->step(chop);
      rt.graveyard.clear();
      while (rt.timers.next() <= rt.timers.now()) {
        moved = true;
        rt.timers.run(rt.timers.now(), &rt.graveyard);
      }
    }
  }

  void browser_says(std::string_view text, std::size_t chop = static_cast<std::size_t>(-1)) {
    browser->say(text);
    pump(chop);
  }
  Ear& app(std::size_t i = 0) { return *tunnel->apps.at(i); }
  // Of the link that was granted last.
  std::string resume_token() const { return resume_tokens.seal(grant.claim.name, grant.who, grant.claim.generation); }

  void app_says(std::string_view text, std::size_t i = 0, std::size_t chop = static_cast<std::size_t>(-1)) {
    app(i).say(text);
    pump(chop);
  }

  TestRuntime rt;
  Router router{"example.test"};
  NameTable names{rt.runtime};
  MemoryRegistry registry{rt.runtime, names};
  Admission admission;
  // The time of day stands still but for what a test adds.
  std::int64_t day_seconds = 1'000'000;
  ResumeTokens resume_tokens{{std::string(32, 'k')}, [this] { return day_seconds; }};
  NoClassicDoor classic;
  OwnSite own_site;
  TunnelMakers makers{rt.runtime, own_site, registry, admission, resume_tokens, classic};
  ProxyList proxies;
  RequestIds request_ids;
  TestPasswords passwords;
  Metrics metrics;
  http::Patience patience;
  http::Patience proxy_patience{.keep_alive = rules::keep_alive_idle_proxy};
  http1::ServerShared shared{rt.runtime};
  LinkOpener& links = *this;
  DeskSide side{rt.runtime, shared.head_buffers, router,    registry, own_site, makers, links,
                proxies,    request_ids,         passwords, metrics};
  Desk desk{side};
  Desk* desk_in_use = &desk;  // a test may have one of its own
  std::shared_ptr<TestTunnel> tunnel;
  std::unique_ptr<MemoryPipe> visitor_pipe;
  std::unique_ptr<Ear> browser;
  std::shared_ptr<TestVisit> visit;
  std::unique_ptr<http1::ServerConnection> visitor;
  bool visitor_closed = false;
  std::unique_ptr<Duplex> link;  // a connection that became one
  std::string link_early;
  LinkGrant grant;

 private:
  void on_request(http::ServerStream& stream) override { desk_in_use->assign(stream, *visit); }
  void on_fault(http::ServerStream& stream, const http::Fault& fault, http::Limit limit) override {
    desk_in_use->refuse(stream, *visit, fault, limit);
  }
  void on_connection_closed(http1::ServerConnection&, const http::Gone& gone) override {
    visitor_closed = true;
    if (gone.limit != http::Limit::none) rt.log.info("cut", {{"limit", to_string(gone.limit)}});
    rt.graveyard.bury(std::move(visitor));
    visit = nullptr;
  }
  void open_link(std::unique_ptr<Duplex> connection, LinkGrant given, std::string_view, Bytes early) override {
    link = std::move(connection);
    link_early = to_text(early);
    grant = std::move(given);
  }
};

}  // namespace tenfold::broker::test
