// A registry that answers later, or not at all: what a visitor and an agent get meanwhile.
#include <doctest/doctest.h>

#include "public_rig.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;

namespace {

// Knows what a table knows, and says it when it is told to.
class LateRegistry final : public Registry {
 public:
  LateRegistry(Runtime& runtime, NameTable& names) : Registry(runtime), names_(names) {}

  void answer() {
    while (ClaimCall* call = claims_.pop_front()) {
      const Result<Claim> claim = names_.claim(call->request());
      if (claim) {
        call->on_claimed(*claim);
      } else {
        call->on_claim_failed(handshake::Refusal::name_taken);
      }
    }
    while (Lookup* lookup = lookups_.pop_front()) lookup->on_found(names_.find(lookup->name()));
  }
  bool idle() const { return lookups_.empty() && claims_.empty(); }

  void attach(const Claim& claim, std::shared_ptr<Tunnel> tunnel,
              std::shared_ptr<const VisitorPolicy> policy) override {
    names_.attach(claim, std::move(tunnel), std::move(policy));
  }
  void hold(const Claim& claim) override { names_.hold(claim); }
  void release(const Claim& claim) override { names_.release(claim); }
  void give_up(const Claim& claim) override { names_.give_up(claim); }
  std::size_t size() const override { return names_.size(); }

 private:
  std::optional<NameTable::Found> find_at_once(std::string_view) override { return {}; }
  void on_lookup(Lookup&) override { watch_deadlines(); }
  void on_claim(ClaimCall&) override { watch_deadlines(); }

  NameTable& names_;
};

struct Late {
  Rig rig;
  LateRegistry registry{rig.rt.runtime, rig.names};
  OwnSite own_site{{}, rig.router, registry};
  TunnelMakers makers{rig.rt.runtime, own_site, registry, rig.admission, rig.resume_tokens, rig.classic};
  DeskSide side{rig.rt.runtime, rig.shared.head_buffers, rig.router,    registry,   own_site, makers, rig.links,
                rig.proxies,    rig.request_ids,         rig.passwords, rig.metrics};
  Desk desk{side};

  Late() {
    rig.desk_in_use = &desk;
    rig.connect();
  }
  ~Late() {
    rig.visitor = nullptr;
    desk.close();
    rig.rt.graveyard.clear();
  }
};

const std::string post = "POST / HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 5\r\n\r\nhello";

}  // namespace

TEST_CASE("a request waits for a registry that answers late, its body paused") {
  Late late;
  late.rig.browser_says(post);
  CHECK(late.rig.tunnel->opened == 0);
  CHECK(late.rig.browser->heard.empty());
  late.rig.rt.pass(2s);
  late.registry.answer();
  late.rig.pump();
  REQUIRE(late.rig.tunnel->opened == 1);
  CHECK(late.rig.app().heard.ends_with("\r\n\r\nhello"));
  late.rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(late.rig.browser->heard.ends_with("ok"));
  // The deadline of the lookup that was answered ends nothing.
  late.rig.rt.pass(5s);
  CHECK_FALSE(late.rig.visitor_closed);
}

TEST_CASE("a registry that does not answer in 3 s is a 503 with Retry-After") {
  Late late;
  late.rig.browser_says(post);
  late.rig.rt.pass(2900ms);
  late.rig.pump();
  CHECK(late.rig.browser->heard.empty());
  late.rig.rt.pass(200ms);
  late.rig.pump();
  CHECK(late.rig.browser->heard.starts_with("HTTP/1.1 503 "));
  CHECK(late.rig.browser->heard.find("Retry-After: ") != std::string::npos);
  CHECK(late.rig.metrics.failures("registry-away") == 1);
  CHECK(late.registry.idle());
}

TEST_CASE("each lookup has its own 3 s") {
  Late late;
  late.rig.browser_says("GET / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n");
  late.rig.rt.pass(2s);
  late.registry.answer();
  late.rig.pump();
  late.rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  late.rig.browser->take();
  late.rig.browser_says("GET / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n");
  late.rig.rt.pass(2s);
  late.rig.pump();
  CHECK(late.rig.browser->heard.empty());
  late.rig.rt.pass(1100ms);
  late.rig.pump();
  CHECK(late.rig.browser->heard.starts_with("HTTP/1.1 503 "));
}

TEST_CASE("a visitor who leaves while the registry is asked is forgotten") {
  Late late;
  late.rig.browser_says(post);
  late.rig.browser->pipe->reset(ErrorKind::cancelled);
  late.rig.pump();
  CHECK(late.rig.visitor_closed);
  CHECK(late.registry.idle());
  late.registry.answer();
  CHECK(late.rig.tunnel->opened == 0);
}

TEST_CASE("the server's end refuses who still waits for the registry, once") {
  Late late;
  SUBCASE("for a name") { late.rig.browser_says(post); }
  SUBCASE("for a claim") {
    late.rig.browser_says(
        "GET /wanted HTTP/1.1\r\nHost: example.test\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n\r\n");
  }
  late.rig.visitor->end_now({503, "draining"});
  late.rig.pump();
  late.registry.answer();
  late.rig.pump();
  CHECK(late.rig.browser->heard.starts_with("HTTP/1.1 503 "));
  CHECK(late.rig.tunnel->opened == 0);
  CHECK(late.rig.link == nullptr);
  CHECK(late.rig.metrics.failures("draining") == 1);
  CHECK(late.rig.metrics.requests(Outcome::left) == 0);
}

TEST_CASE("a visitor's FIN behind half a request is heard when the registry has answered") {
  Late late;
  late.rig.browser->say("POST / HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 5\r\n\r\nhel");
  late.rig.browser->pipe->end();
  late.rig.pump();
  late.registry.answer();
  late.rig.pump();
  CHECK(late.rig.visitor_closed);
  CHECK(late.rig.metrics.requests(Outcome::left) == 1);
}

TEST_CASE("a new tunnel waits for its claim, and is refused when the registry is away") {
  Late late;
  const std::string ask = "GET /wanted HTTP/1.1\r\nHost: example.test\r\n\r\n";
  late.rig.browser_says(ask);
  CHECK(late.rig.browser->heard.empty());
  SUBCASE("it answers") {
    late.registry.answer();
    late.rig.pump();
    CHECK(late.rig.browser->heard.find("\"id\":\"wanted\"") != std::string::npos);
  }
  SUBCASE("it does not") {
    late.rig.rt.pass(3100ms);
    late.rig.pump();
    CHECK(late.rig.browser->heard.starts_with("HTTP/1.1 503 "));
    CHECK(late.rig.browser->heard.find("registry-away") != std::string::npos);
    CHECK(late.rig.names.find("wanted").state == NameTable::State::unknown);
  }
  SUBCASE("it answers when the address has all that it may have") {
    for (std::size_t i = 0; i < rules::tunnels_per_ip; ++i) late.rig.admission.on_tunnel_up("203.0.113.9");
    late.registry.answer();
    late.rig.pump();
    CHECK(late.rig.browser->heard.find("\"code\":\"limit\"") != std::string::npos);
    CHECK(late.rig.names.find("wanted").state == NameTable::State::unknown);
  }
  SUBCASE("the client leaves") {
    late.rig.browser->pipe->reset(ErrorKind::cancelled);
    late.rig.pump();
    late.registry.answer();
    CHECK(late.rig.names.find("wanted").state == NameTable::State::unknown);
  }
}

TEST_CASE("a broker that takes over lets a visitor wait for the tunnel of a name that it does not know yet") {
  TestRuntime rt;
  NameTable names{rt.runtime};
  MemoryRegistry registry{rt.runtime, names, rt.runtime.now() + 15s};
  struct Visitor final : Registry::Lookup {
    void on_found(NameTable::Found found) override { answers.push_back(found.state); }
    void on_registry_away() override { FAIL("it is here"); }
    std::vector<NameTable::State> answers;
  };
  const auto attach = [&](const std::string& name) {
    const Result<Claim> claim = names.claim({name});
    REQUIRE(claim);
    registry.attach(*claim, std::make_shared<TestTunnel>(rt, name), nullptr);
  };
  using State = NameTable::State;

  Visitor first;
  Visitor second;
  Visitor other;
  REQUIRE_FALSE(registry.find("one", first));
  REQUIRE_FALSE(registry.find("one", second));
  REQUIRE_FALSE(registry.find("two", other));
  second.cancel();
  attach("one");
  CHECK(first.answers.empty());  // not from inside
  rt.pass(0s);
  CHECK(first.answers == std::vector{State::here});
  CHECK(second.answers.empty());
  CHECK(other.answers.empty());
  Visitor third;
  CHECK(registry.find("one", third)->state == State::here);  // at once

  rt.pass(rules::takeover_wait);
  CHECK(other.answers == std::vector{State::unknown});
  CHECK_FALSE(registry.find("two", other));
  rt.pass(rules::takeover_wait);
  CHECK(other.answers.size() == 2);
  rt.pass(15s);
  CHECK(registry.find("two", other)->state == State::unknown);
}
