// A visitor who lands on one replica and is carried to a tunnel on another, over a peer link.
#include <doctest/doctest.h>

#include "../tunnels/wanting.h"
#include "mux/link_stream.h"
#include "peer_rig.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::peer_test;
using tenfold::broker::test::Wanting;

namespace {

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n";
constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string address_a = "10.0.0.1:7090";
const std::string address_b = "10.0.0.2:7090";
const ReplicaId id_a{"a", 1};
const ReplicaId id_b{"b", 1};

std::shared_ptr<const VisitorPolicy> allow(const std::string& network) {
  Result<VisitorPolicy> policy = VisitorPolicy::read({{network}, {}, {}});
  REQUIRE(policy);
  return std::make_shared<const VisitorPolicy>(*std::move(policy));
}

struct Rig : World {
  Rig() {
    dialer.doors[address_a] = &a.door;
    dialer.doors[address_b] = &b.door;
  }
  ~Rig() {
    visitors.clear();
    registry.found = {};
    links.close();
    loop.runtime().graveyard.clear();
  }

  std::shared_ptr<RemoteTunnel> remote(const ReplicaId& id, const std::string& address, std::uint64_t policy = 0) {
    return std::make_shared<RemoteTunnel>(loop.runtime(), "myapp", links, RemoteTunnel::Place{id, address, policy},
                                          registry);
  }
  std::shared_ptr<RemoteTunnel> on_a(std::uint64_t policy = 0) { return remote(id_a, address_a, policy); }
  std::shared_ptr<RemoteTunnel> on_b(std::uint64_t policy = 0) { return remote(id_b, address_b, policy); }
  NameTable::Found found(std::shared_ptr<Tunnel> tunnel, std::shared_ptr<const VisitorPolicy> policy = nullptr) {
    return {NameTable::State::here, std::move(tunnel), std::move(policy)};
  }
  Visitor& visitor(std::shared_ptr<Tunnel> tunnel) {
    visitors.push_back(std::make_unique<Visitor>(*this, std::move(tunnel)));
    return *visitors.back();
  }

  PeerSite a{*this, "a"};
  PeerSite b{*this, "b"};
  MemoryDialer dialer{*this};
  PeerLinks links{loop, dialer};
  TestRegistry registry{loop.runtime()};
  std::vector<std::unique_ptr<Visitor>> visitors;
};

}  // namespace

TEST_CASE(
    "a visitor is carried to the other replica's app and back, with his address, and the stream serves the next") {
  Rig rig;
  const auto app = rig.a.add("myapp");
  Visitor& visitor = rig.visitor(rig.on_a());
  visitor.says("POST /a HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 5\r\n\r\nhello");
  REQUIRE(app->apps.size() == 1);
  CHECK(app->apps[0]->heard.starts_with("POST /a HTTP/1.1\r\n"));
  CHECK(app->apps[0]->take().ends_with("\r\n\r\nhello"));
  CHECK(app->peer == "203.0.113.9:1234");
  app->apps[0]->say(ok);
  CHECK(visitor.says("").ends_with("\r\n\r\nok"));
  visitor.says(get);
  CHECK(app->apps.size() == 1);
  CHECK(app->apps[0]->heard.starts_with("GET / HTTP/1.1\r\n"));
  app->apps[0]->say(ok);
  CHECK(visitor.says("").ends_with("\r\n\r\nok"));
  CHECK(rig.dialer.dials == 1);
  CHECK(rig.a.door.links() == 1);
}

TEST_CASE("a large body and a large answer cross whole") {
  Rig rig;
  const auto app = rig.a.add("myapp");
  Visitor& visitor = rig.visitor(rig.on_a());
  const std::string large(3'000'000, 'x');
  visitor.says("POST /a HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 3000000\r\n\r\n" + large);
  REQUIRE(app->apps.size() == 1);
  CHECK(app->apps[0]->heard.ends_with("\r\n\r\n" + large));
  app->apps[0]->say("HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + large);
  CHECK(visitor.says("").ends_with("\r\n\r\n" + large));
}

TEST_CASE("upgraded bytes cross both ways, each direction with its own end") {
  Rig rig;
  const auto app = rig.a.add("myapp");
  Visitor& visitor = rig.visitor(rig.on_a());
  visitor.says("GET / HTTP/1.1\r\nHost: myapp.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  REQUIRE(app->apps.size() == 1);
  Ear& ear = *app->apps[0];
  ear.take();
  ear.say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfrom the app");
  CHECK(visitor.says("from the visitor").ends_with("from the app"));
  CHECK(ear.take() == "from the visitor");
  visitor.browser->pipe->end();
  rig.turn();
  CHECK(ear.ended);
  ear.say("last");
  ear.pipe->end();
  CHECK(visitor.says("") == "last");
  CHECK(visitor.browser->ended);
  CHECK(rig.a.door.streams() == 0);
}

TEST_CASE("why the app was not reached arrives as the app's own failure") {
  for (const ErrorKind kind : {ErrorKind::refused, ErrorKind::timeout, ErrorKind::dns, ErrorKind::tls}) {
    Rig rig;
    const auto app = rig.a.add("myapp");
    Visitor& visitor = rig.visitor(rig.on_a());
    visitor.says(get);
    REQUIRE(app->apps.size() == 1);
    app->apps[0]->pipe->reset(kind);
    CHECK(visitor.says("").starts_with("HTTP/1.1 502 "));
    CHECK(visitor.failure.kind == kind);
    CHECK(visitor.failure.origin == Origin::app);
  }
}

TEST_CASE("an agent that is busy, and a tunnel that is full, are the agent's side's failures") {
  Rig rig;
  const auto app = rig.a.add("myapp");
  app->refuses = {ErrorKind::limit, "too many wait", Origin::broker};
  Visitor& visitor = rig.visitor(rig.on_a());
  CHECK(visitor.says(get).starts_with("HTTP/1.1 503 "));
  CHECK(visitor.failure.origin == Origin::agent);
  CHECK(failure_form(visitor.failure).code == "agent-busy");
  CHECK(rig.registry.asked == 0);
}

TEST_CASE("a tunnel that has moved is looked up once more, and the request goes there, whatever its method") {
  for (const bool here_again : {false, true}) {
    CAPTURE(here_again);
    Rig rig;
    const auto app = here_again ? std::make_shared<AppTunnel>(rig, "myapp") : rig.b.add("myapp");
    Visitor& visitor = rig.visitor(rig.on_a());
    rig.registry.found = rig.found(here_again ? std::static_pointer_cast<Tunnel>(app) : rig.on_b());
    visitor.says("POST /a HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 5\r\n\r\nhello");
    CHECK(rig.registry.unlearned == std::vector<std::string>{"myapp"});
    CHECK(rig.registry.asked == 1);
    REQUIRE(app->apps.size() == 1);
    CHECK(app->apps[0]->heard.ends_with("\r\n\r\nhello"));
    app->apps[0]->say(ok);
    CHECK(visitor.says("").ends_with("\r\n\r\nok"));
  }
}

TEST_CASE("the second lookup may take its time, and may find nothing, or fail") {
  const auto ask = [](const std::function<void(Rig&)>& answer) {
    Rig rig;
    rig.registry.later = true;
    Visitor& visitor = rig.visitor(rig.on_a());
    CHECK(visitor.says(get).empty());
    CHECK(rig.registry.is_asked());
    answer(rig);
    CHECK(visitor.says("").starts_with("HTTP/1.1 503 "));
    return std::string(failure_form(visitor.failure).code);
  };
  CHECK(ask([](Rig& rig) { rig.registry.answer(); }) == "agent-away");
  CHECK(ask([](Rig& rig) { rig.registry.go_away(); }) == "registry-away");
  // The former one says so again, or a third: once is enough.
  CHECK(ask([](Rig& rig) {
          rig.registry.found = rig.found(rig.on_b());
          rig.registry.answer();
        }) == "agent-away");
}

TEST_CASE("a tunnel whose agent is away there is not there") {
  Rig rig;
  const auto app = rig.a.add("myapp");
  rig.a.names.hold(rig.a.claim);
  Visitor& visitor = rig.visitor(rig.on_a());
  CHECK(visitor.says(get).starts_with("HTTP/1.1 503 "));
  CHECK(rig.registry.unlearned.size() == 1);
}

TEST_CASE("a visitor who was checked against other rules is not let through, nor by the second lookup") {
  Rig rig;
  const auto strict = allow("10.0.0.0/8");
  const auto app = rig.a.add("myapp", strict);
  for (const std::uint64_t checked : {std::uint64_t{0}, allow("192.0.2.0/24")->version()}) {
    Visitor& visitor = rig.visitor(rig.on_a(checked));
    rig.registry.found = rig.found(rig.on_a(strict->version()), strict);
    CHECK(visitor.says(get).starts_with("HTTP/1.1 503 "));
    CHECK(failure_form(visitor.failure).code == "rules-changed");
    CHECK(visitor.failure.origin == Origin::peer);
  }
  CHECK(app->apps.empty());
  Visitor& visitor = rig.visitor(rig.on_a(strict->version()));
  visitor.says(get);
  CHECK(app->apps.size() == 1);
}

TEST_CASE("when the rules change, streams of other ones that carry no request are cut; stricter ones cut all") {
  Rig rig;
  const auto app = rig.a.add("myapp");
  Visitor& running = rig.visitor(rig.on_a());
  running.says(get);
  app->holds = true;
  Visitor& waiting = rig.visitor(rig.on_a());
  waiting.says(get);
  CHECK(rig.a.door.streams() == 2);
  rig.a.door.cut_stale("other", 7, true);
  rig.a.door.cut_stale("myapp", 0, true);
  rig.turn();
  CHECK(rig.a.door.streams() == 2);

  const auto policy = allow("10.0.0.0/8");
  rig.registry.found = rig.found(rig.on_a(policy->version()), policy);
  rig.a.door.cut_stale("myapp", policy->version(), false);
  CHECK(waiting.says("").starts_with("HTTP/1.1 503 "));
  CHECK(failure_form(waiting.failure).code == "rules-changed");
  CHECK(app->waiting.empty());
  CHECK(rig.a.door.streams() == 1);
  CHECK(running.browser->heard.empty());

  rig.a.door.cut_stale("myapp", policy->version(), true);
  CHECK(running.says("").starts_with("HTTP/1.1 502 "));
  CHECK(app->apps[0]->closed);
  CHECK(rig.a.door.streams() == 0);
}

TEST_CASE("a replica that dies in the middle of a request is the peer's failure; a safe request is asked again") {
  Rig rig;
  const auto app = rig.a.add("myapp");
  Visitor& posting = rig.visitor(rig.on_a());
  Visitor& reading = rig.visitor(rig.on_a());
  Visitor& getting = rig.visitor(rig.on_a());
  posting.says("POST /a HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 5\r\n\r\nhello");
  reading.says(get);
  app->apps[1]->say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  CHECK(reading.says("").ends_with("abc"));
  getting.says(get);
  REQUIRE(app->apps.size() == 3);
  rig.a.door.close();
  CHECK(posting.says("").starts_with("HTTP/1.1 502 "));
  CHECK(failure_form(posting.failure).code == "peer-unreachable");
  CHECK(posting.failure.origin == Origin::peer);
  CHECK(reading.browser->closed);
  CHECK(reading.failure.origin == Origin::peer);
  // A safe one, over a new link.
  CHECK(rig.dialer.dials == 2);
  REQUIRE(app->apps.size() == 4);
  app->apps[3]->say(ok);
  CHECK(getting.says("").ends_with("\r\n\r\nok"));
}

TEST_CASE("one dial serves all who ask, and its failure is shared for half a second") {
  Rig rig;
  rig.dialer.doors.clear();
  const TimePoint before = rig.loop.runtime().now();
  Visitor& one = rig.visitor(rig.on_a());
  Visitor& two = rig.visitor(rig.on_a());
  one.browser->say(get);
  CHECK(two.says(get).starts_with("HTTP/1.1 502 "));
  CHECK(one.browser->heard.starts_with("HTTP/1.1 502 "));
  CHECK(rig.dialer.dials == 1);
  for (const Visitor* visitor : {&one, &two}) {
    CHECK(visitor->failure.kind == ErrorKind::refused);
    CHECK(failure_form(visitor->failure).code == "peer-unreachable");
    CHECK(failure_text(visitor->failure).find("10.0.0.1") == std::string::npos);
  }
  CHECK(rig.logged("peer-unreachable replica=a:1 reason=refused: 10.0.0.1:7090: connection refused"));

  // Who asks while that is fresh hears it at once, and later it is tried again.
  rig.dialer.doors[address_a] = &rig.a.door;
  const auto app = rig.a.add("myapp");
  const auto tunnel = rig.on_a();
  Wanting early;
  Wanting late;
  rig.loop.runtime().timers.set_now(before);
  tunnel->open(early);
  CHECK(early.why.kind == ErrorKind::refused);
  CHECK(early.why.origin == Origin::peer);
  CHECK(rig.dialer.dials == 1);
  rig.loop.runtime().timers.set_now(std::chrono::steady_clock::now() + rules::peer_dial_rest);
  tunnel->open(late);
  CHECK(rig.dialer.dials == 2);
  rig.bring_on(rules::peer_dial_rest);
  CHECK(late.upstream);
}

TEST_CASE("a replica that does not answer within two seconds, or is none, is unreachable") {
  {
    Rig rig;
    rig.dialer.silent = true;
    Visitor& visitor = rig.visitor(rig.on_a());
    CHECK(visitor.says(get).empty());
    rig.bring_on(1900ms);
    CHECK(visitor.browser->heard.empty());
    rig.bring_on(2100ms);
    CHECK(visitor.browser->heard.starts_with("HTTP/1.1 502 "));
    CHECK(visitor.failure.kind == ErrorKind::timeout);
    CHECK(visitor.failure.origin == Origin::peer);
  }
  {
    Rig rig;
    rig.dialer.strange = true;
    Visitor& visitor = rig.visitor(rig.on_a());
    visitor.says(get);
    CHECK(rig.dialer.stranger->heard.starts_with("GET /?peer HTTP/1.1\r\n"));
    rig.dialer.stranger->say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    CHECK(visitor.says("").starts_with("HTTP/1.1 502 "));
    CHECK(visitor.failure.detail.ends_with("answered with status 200"));
  }
  {
    Rig rig;
    Visitor& visitor = rig.visitor(rig.remote(id_a, "nonsense"));
    CHECK(visitor.says(get).starts_with("HTTP/1.1 502 "));
    CHECK(rig.dialer.dials == 0);
  }
}

TEST_CASE("a visitor who leaves while the link is dialled takes nothing along") {
  Rig rig;
  rig.dialer.silent = true;
  rig.visitor(rig.on_a()).says(get);
  rig.visitors.clear();
  rig.loop.runtime().graveyard.clear();
  rig.bring_on(2100ms);
  CHECK(rig.logged("peer-unreachable"));
}

TEST_CASE("an idle stream is kept for five seconds, an idle link for ten minutes") {
  Rig rig;
  const auto app = rig.a.add("myapp");
  Visitor& visitor = rig.visitor(rig.on_a());
  visitor.says(get);
  app->apps[0]->say(ok);
  visitor.says("");
  CHECK(rig.a.door.streams() == 1);
  rig.bring_on(4500ms);
  CHECK(rig.a.door.streams() == 1);
  rig.bring_on(5500ms);
  CHECK(rig.a.door.streams() == 0);
  CHECK(app->apps[0]->closed);
  CHECK(rig.a.door.links() == 1);
  // The heartbeat goes on meanwhile.
  for (Duration time = 8s; time < 9min; time += 4s) rig.bring_on(time);
  CHECK(rig.a.door.links() == 1);
  for (Duration time = 9min; time < 12min; time += 4s) rig.bring_on(time);
  CHECK(rig.a.door.links() == 0);
  CHECK(rig.logged("peer-link-down replica=a:"));
  rig.visitor(rig.on_a()).says(get);
  CHECK(rig.dialer.dials == 2);
  CHECK(app->apps.size() == 2);
}

TEST_CASE("a replica that says that it goes down takes streams until its end") {
  Rig rig;
  const auto app = rig.a.add("myapp");
  Visitor& visitor = rig.visitor(rig.on_a());
  visitor.says(get);
  app->apps[0]->say(ok);
  visitor.says("");
  rig.a.door.announce_drain(60s);
  rig.turn();
  CHECK(rig.logged("peer-drains replica=a:"));
  Visitor& other = rig.visitor(rig.on_a());
  other.says(get);
  REQUIRE(app->apps.size() == 2);
  app->apps[1]->say(ok);
  CHECK(other.says("").ends_with("\r\n\r\nok"));
  CHECK(rig.dialer.dials == 1);
}

TEST_CASE("a door takes the request of a replica and no other") {
  for (const std::string head :
       {"GET /?new HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n\r\n",
        "GET /?peer HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /?peer HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: tenfold-peer/1\r\n\r\n",
        "POST /?peer HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tenfold-peer/1\r\n\r\n",
        "\x16\x03\x01 no HTTP\r\n\r\n"}) {
    CAPTURE(head);
    Rig rig;
    MemoryPipe& pipe = rig.pipe();
    Ear stranger(pipe.take_left());
    rig.a.door.take(pipe.take_right(), "198.51.100.9:1");
    stranger.say(head);
    rig.turn();
    CHECK(stranger.heard == "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    CHECK(stranger.ended);
    CHECK(rig.logged("peer-refused from=198.51.100.9:1"));
    rig.bring_on(limits::linger_time + 1s);
    CHECK(stranger.closed);
    CHECK(rig.a.door.links() == 0);
  }
}

TEST_CASE("a door waits five seconds for the request") {
  Rig rig;
  MemoryPipe& pipe = rig.pipe();
  Ear stranger(pipe.take_left());
  rig.a.door.take(pipe.take_right(), "198.51.100.9:1");
  stranger.say("GET /?peer HT");
  rig.turn();
  rig.bring_on(4s);
  CHECK_FALSE(stranger.closed);
  rig.bring_on(6s);
  CHECK(stranger.closed);
  CHECK(rig.logged("reason=no request in time"));
}

TEST_CASE("a replica never dials more than so many others, and gives up one that it does not use") {
  Rig rig;
  std::vector<std::shared_ptr<RemoteTunnel>> tunnels;
  rig.dialer.silent = true;
  for (std::size_t i = 0; i < rules::peer_links; ++i) {
    tunnels.push_back(rig.remote({"r" + std::to_string(i), 1}, address_b));
    rig.visitor(tunnels.back()).says(get);
  }
  CHECK(rig.dialer.dials == static_cast<int>(rules::peer_links));
  rig.a.add("myapp");
  Visitor& late = rig.visitor(rig.on_a());
  CHECK(late.says(get).starts_with("HTTP/1.1 502 "));
  rig.bring_on(2100ms);
  rig.dialer.silent = false;
  Visitor& later = rig.visitor(rig.on_a());
  later.says(get);
  CHECK(rig.links.all().size() == rules::peer_links);
  CHECK(rig.a.door.links() == 1);
}

TEST_CASE("a tunnel whose replica is not known yet is looked up when a visitor comes") {
  Rig rig;
  const auto app = rig.a.add("myapp");
  const auto moved = std::make_shared<RemoteTunnel>(rig.loop.runtime(), "myapp", rig.links, RemoteTunnel::Place{},
                                                    static_cast<Registry&>(rig.registry));
  Visitor& visitor = rig.visitor(moved);
  rig.registry.found = rig.found(rig.on_a());
  SUBCASE("known at once") {
    visitor.says(get);
    CHECK(rig.registry.asked == 1);
  }
  SUBCASE("after a while") {
    rig.registry.later = true;
    visitor.says(get);
    REQUIRE(rig.registry.is_asked());
    CHECK(app->apps.empty());
    rig.registry.answer();
    rig.turn();
  }
  REQUIRE(app->apps.size() == 1);
  app->apps[0]->say(ok);
  CHECK(visitor.says("").ends_with("\r\n\r\nok"));
}

TEST_CASE("a tunnel that the operator closes takes the streams of other replicas' visitors along, and no others") {
  Rig rig;
  const auto app = rig.a.add("myapp");
  Visitor& running = rig.visitor(rig.on_a());
  running.says(get);
  app->holds = true;
  Visitor& waiting = rig.visitor(rig.on_a());
  waiting.says(get);
  rig.a.door.cut_streams_of("other");
  rig.turn();
  CHECK(rig.a.door.streams() == 2);
  rig.a.door.cut_streams_of("myapp");
  CHECK(running.says("").starts_with("HTTP/1.1 502 "));
  CHECK(waiting.says("").starts_with("HTTP/1.1 503 "));
  CHECK(app->apps[0]->closed);
  CHECK(rig.a.door.streams() == 0);
}
