// The whole way: a visitor on one replica, the peer link, the other replica, an agent's link, the agent.
#include <doctest/doctest.h>

#include "broker/link/link_tunnel.h"
#include "mux/link_stream.h"
#include "peer_rig.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::peer_test;

namespace {

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n";
constexpr std::string_view post = "POST / HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Both ends of an agent's link: the broker's, with its tunnel, and the agent's.
class AgentLink {
 public:
  AgentLink(World& world, const std::string& name, const LinkOptions& options = {}) : pipe_(world.pipe()) {
    near_ = std::make_unique<LinkDriver>(world.loop, pipe_.take_left(), Link::Role::broker, options, near_ear_);
    far_ = std::make_unique<LinkDriver>(world.loop, pipe_.take_right(), Link::Role::agent, options, far_ear_);
    pipes_ = std::make_unique<LinkPipes>(world.loop.runtime(), near_->link());
    near_ear_.on_room = [this] { pipes_->serve(); };
    tunnel = std::make_shared<LinkTunnel>(world.loop.runtime(), name, *pipes_);
    near_->start({});
    far_->start({});
    world.turn();
  }
  ~AgentLink() {
    tunnel->leave();
    apps.clear();
  }

  // The streams that came, from the first that is not answered yet.
  Ear& accept() {
    auto& streams = far_ear_.streams;
    REQUIRE_FALSE(streams.empty());
    std::unique_ptr<LinkStream> stream = std::move(streams.front());
    streams.erase(streams.begin());
    peer = stream->peer();
    stream->accept();
    apps.push_back(std::make_unique<Ear>(std::move(stream)));
    return *apps.back();
  }
  void refuse(ErrorKind cause) {
    far_ear_.streams.at(0)->refuse(cause);
    far_ear_.streams.erase(far_ear_.streams.begin());
  }
  std::size_t unanswered() const { return far_ear_.streams.size(); }
  std::size_t streams() { return near_->link().stats().streams; }
  // The agent is gone.
  void cut() {
    apps.clear();
    far_ear_.streams.clear();
    far_ = nullptr;
  }

  std::shared_ptr<LinkTunnel> tunnel;
  std::vector<std::unique_ptr<Ear>> apps;
  std::string peer;

 private:
  struct LinkEar final : Link::Handler {
    void on_link_stream(std::unique_ptr<LinkStream> stream) override { streams.push_back(std::move(stream)); }
    void on_control(const control::ControlMessage&) override {}
    void on_link_output() override {}
    void on_link_draining() override {}
    void on_link_room() override { on_room(); }
    void on_link_closed(const Error&) override {}
    std::vector<std::unique_ptr<LinkStream>> streams;
    std::function<void()> on_room = [] {};
  };

  MemoryPipe& pipe_;
  LinkEar near_ear_;
  LinkEar far_ear_;
  std::unique_ptr<LinkDriver> near_;
  std::unique_ptr<LinkDriver> far_;
  std::unique_ptr<LinkPipes> pipes_;
};

struct Chain : World {
  explicit Chain(const LinkOptions& options = {}) : agent(*this, "myapp", options) {
    dialer.doors["10.0.0.1:7090"] = &owner.door;
    const Result<Claim> claim = owner.names.claim({"myapp", make_claimant("team", "the-first-instance", "")});
    REQUIRE(claim);
    owner.names.attach(*claim, agent.tunnel);
    RemoteTunnel::Place place;
    place.replica = replica;
    place.address = "10.0.0.1:7090";
    remote = std::make_shared<RemoteTunnel>(loop.runtime(), "myapp", links, place, registry);
    registry.found = {NameTable::State::here, remote, nullptr};
    visitor = std::make_unique<Visitor>(*this, remote);
  }
  ~Chain() {
    visitor = nullptr;
    others.clear();
    registry.found = {};
    remote = nullptr;
    links.close();
    owner.door.close();
    loop.runtime().graveyard.clear();
  }

  const ReplicaId replica{"a", 1};
  AgentLink agent;
  PeerSite owner{*this, "a"};
  MemoryDialer dialer{*this};
  PeerLinks links{loop, dialer};
  TestRegistry registry{loop.runtime()};
  std::shared_ptr<RemoteTunnel> remote;
  std::unique_ptr<Visitor> visitor;
  std::vector<std::unique_ptr<Visitor>> others;
};

}  // namespace

TEST_CASE("along the whole way a request and its answer cross, and the agent hears of the visitor") {
  Chain chain;
  chain.visitor->says(post);
  Ear& app = chain.agent.accept();
  chain.turn();
  CHECK(chain.agent.peer == "203.0.113.9:1234");
  CHECK(app.heard.ends_with("\r\n\r\nhello"));
  app.say(ok);
  CHECK(chain.visitor->says("").ends_with("\r\n\r\nok"));
  chain.bring_on(6s);
  CHECK(chain.agent.streams() == 0);
}

TEST_CASE("along the whole way the agent's own word says why the app was not reached") {
  for (const ErrorKind kind : {ErrorKind::refused, ErrorKind::timeout, ErrorKind::dns, ErrorKind::tls}) {
    Chain chain;
    chain.visitor->says(post);
    chain.agent.refuse(kind);
    CHECK(chain.visitor->says("").starts_with("HTTP/1.1 502 "));
    CHECK(chain.visitor->failure.kind == kind);
    CHECK(chain.visitor->failure.origin == Origin::app);
    CHECK(chain.agent.streams() == 0);
  }
  Chain chain;
  chain.visitor->says(post);
  chain.agent.refuse(ErrorKind::limit);
  CHECK(chain.visitor->says("").starts_with("HTTP/1.1 503 "));
  CHECK(failure_form(chain.visitor->failure).code == "agent-busy");
}

TEST_CASE("along the whole way the agent's word that nothing was begun has an unsafe request asked again") {
  Chain chain;
  chain.visitor->says(get);
  Ear& first = chain.agent.accept();
  first.say(ok);
  CHECK(chain.visitor->says("").ends_with("\r\n\r\nok"));
  chain.visitor->says(post);
  first.pipe->reset(ErrorKind::unbegun);
  chain.turn();
  REQUIRE(chain.agent.unanswered() == 1);
  Ear& second = chain.agent.accept();
  chain.turn();
  CHECK(second.heard.ends_with("\r\n\r\nhello"));
  second.say(ok);
  CHECK(chain.visitor->says("").ends_with("\r\n\r\nok"));
  CHECK(chain.registry.asked == 0);
}

TEST_CASE("a visitor who leaves is the agent's cancelled stream") {
  Chain chain;
  chain.visitor->says(get);
  const Ear& app = chain.agent.accept();
  chain.turn();
  chain.visitor->browser->pipe->reset(ErrorKind::cancelled);
  chain.turn();
  REQUIRE(app.closed);
  CHECK(app.closed->kind == ErrorKind::cancelled);
  CHECK(chain.agent.streams() == 0);
  CHECK(chain.owner.door.streams() == 0);
}

TEST_CASE("a slow reader holds the app back along the whole way, and nobody else") {
  Chain chain;
  chain.visitor->browser->pipe->write(to_bytes(get));
  chain.turn();
  Ear& app = chain.agent.accept();
  chain.turn();
  chain.visitor->browser->pipe->set_handler(nullptr);
  const std::string large(8'000'000, 'x');
  app.say("HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n" + large);
  chain.turn();
  CHECK(app.pipe->queued() > 4'000'000);
  chain.others.push_back(std::make_unique<Visitor>(chain, chain.remote));
  chain.others[0]->says(get);
  chain.agent.accept().say(ok);
  CHECK(chain.others[0]->says("").ends_with("\r\n\r\nok"));
  chain.visitor->browser->pipe->set_handler(chain.visitor->browser.get());
  CHECK(chain.visitor->says("").ends_with(large));
}

TEST_CASE("a safe request whose agent's link is lost is asked again, and finds the agent where it is now") {
  Chain chain;
  chain.visitor->says(get);
  chain.agent.accept();
  chain.turn();
  AgentLink other(chain, "myapp");
  chain.agent.tunnel->hand_over(other.tunnel, true);
  chain.agent.cut();
  chain.turn();
  REQUIRE(other.unanswered() == 1);
  other.accept().say(ok);
  CHECK(chain.visitor->says("").ends_with("\r\n\r\nok"));
}

TEST_CASE("an agent whose link is lost is away, and a later request finds it so") {
  Chain chain;
  chain.visitor->says(post);
  chain.agent.accept();
  chain.turn();
  chain.agent.cut();
  CHECK(chain.visitor->says("").starts_with("HTTP/1.1 503 "));
  CHECK(failure_form(chain.visitor->failure).code == "agent-away");
  chain.agent.tunnel->leave();
  chain.registry.found = {NameTable::State::away, nullptr, nullptr};
  CHECK(chain.visitor->says(post).starts_with("HTTP/1.1 503 "));
  CHECK(failure_form(chain.visitor->failure).code == "agent-away");
  CHECK(chain.registry.unlearned.size() == 1);
}
