// A pooled socket before an app that closes, resets and talks whenever it is asked nothing: every request gets its own
// answer, and the socket stays until an answer ends it.
#include "agent/forward/app_pipe.h"

#include <doctest/doctest.h>

#include <random>

#include "base/limits.h"
#include "links/agent_fixture.h"

namespace tenfold {
namespace {

struct RandomTalk : test::AgentFixture, Forwarder::Owner {
  std::mt19937_64 random;
  std::unique_ptr<test::MemoryPipe> memory;
  std::unique_ptr<test::Peer> server;
  std::unique_ptr<Forwarder> forwarder;
  test::Peer* app = nullptr;  // its newest connection
  int served = 0;

  explicit RandomTalk(std::uint64_t seed) : random(seed) {}
  virtual ~RandomTalk() {
    forwarder.reset();
    runtime.graveyard.clear();
  }

  void on_forwarder_done(Forwarder&, const Error&) override { runtime.graveyard.bury(std::move(forwarder)); }

  std::size_t below(std::size_t n) { return random() % n; }
  bool one_in(std::size_t n) { return below(n) == 0; }

  void connect() {
    forwarder.reset();
    memory = std::make_unique<test::MemoryPipe>(runtime, 64 * limits::KiB);
    server = std::make_unique<test::Peer>(runtime);
    server->attach(memory->take_left());
    forwarder = std::make_unique<Forwarder>(forwarding, memory->take_right(), *this);
    forwarder->start();
  }

  // A bit of what is under way. A turn of the agent's hears all that the app has said before it ends.
  void move() {
    if (one_in(2)) {
      memory->step(1 + below(40'000));
    } else {
      network.pump();
    }
    accept();
  }
  void accept() {
    if (network.waiting() != 0) app = &network.accept();
  }

  // The app has nothing to do: it may do something silly.
  void idle_app() {
    if (app == nullptr || app->closed || !one_in(3)) return;
    switch (below(3)) {
      case 0: app->end(); break;
      case 1: app->cut(); break;
      default:
        app->say("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
        if (one_in(2)) app->end();
        break;
    }
  }

  void ask(int number) {
    const std::string id = std::to_string(number);
    const std::size_t length = one_in(4) ? below(200'000) : below(100);
    const std::string request = "POST /" + id + " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(length) +
                                "\r\n\r\n" + std::string(length, 'b');
    const std::string host = forwarding.local_host.empty() ? "x" : forwarding.local_host;
    const std::string at_app =
        "POST /" + id + " HTTP/1.1\r\nHost: " + host + "\r\n" + request.substr(request.find("Content-Length"));
    if (app != nullptr) app->received.clear();
    server->received.clear();
    if (one_in(2)) idle_app();
    server->say(request);
    if (one_in(2)) idle_app();
    for (int i = 0; i < 100'000 && (app == nullptr || app->received != at_app); ++i) {
      move();
      REQUIRE_FALSE(server->ended);
      REQUIRE_FALSE(server->closed);
      // What the app has is this request's beginning, and nothing else.
      if (app != nullptr) REQUIRE((at_app.starts_with(app->received)));
    }
    REQUIRE((app->received == at_app));
    answer(id);
  }

  void answer(const std::string& id) {
    std::string said = one_in(3) ? "HTTP/1.1 103 Early Hints\r\n\r\n" : "";
    said += "HTTP/1.1 200 OK\r\n";
    const bool last = one_in(5);
    if (last) said += "Connection: close\r\n";
    const std::string body = id + std::string(one_in(4) ? below(200'000) : below(100), 'a');
    if (one_in(2)) {
      said += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    } else {
      char size[20];
      std::snprintf(size, sizeof size, "%zx", body.size());
      said += "Transfer-Encoding: chunked\r\n\r\n" + std::string(size) + "\r\n" + body + "\r\n0\r\n\r\n";
    }
    app->say(said);
    if (last) app->end();
    for (int i = 0; i < 100'000 && (server->received.size() < said.size() || (last && !server->ended)); ++i) move();
    CHECK((server->received == said));
    CHECK(server->ended == last);
    ++served;
    if (!last) return;
    server->end();
    for (int i = 0; i < 100'000 && forwarder != nullptr; ++i) move();
    CHECK(memory->right_uncredited() == 0);
    connect();
  }
};

TEST_CASE("an app that closes, resets and talks while it is asked nothing loses no request") {
  std::random_device device;
  for (const char* local_host : {"", "app.local"}) {
    const std::uint64_t seed = device();
    CAPTURE(seed);
    RandomTalk talk(seed);
    talk.forwarding.local_host = local_host;
    talk.connect();
    for (int i = 0; i < 500; ++i) talk.ask(i);
    CHECK(talk.served == 500);
    CHECK(talk.network.calls.size() > 100);
  }
}

}  // namespace
}  // namespace tenfold
