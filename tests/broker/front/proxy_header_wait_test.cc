// A balancer's connection until its PROXY header is there: what is read of it and what is left; on a real loop, on
// loopback.
#include "broker/front/proxy_header_wait.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "broker/rules.h"
#include "io/tcp_listener.h"
#include "support/test_runtime.h"

using namespace tenfold;
using namespace tenfold::broker;
using tenfold::test::RecordingLog;

namespace {

const std::string header = "PROXY TCP4 203.0.113.9 192.0.2.1 40001 443\r\n";

struct Wait final : ProxyHeaderWait::Owner, Duplex::Handler {
  Wait() {
    auto opened = TcpListener::open(loop, {"127.0.0.1", 0}, [this](std::unique_ptr<TcpSocket> socket) {
      wait = std::make_unique<ProxyHeaderWait>(loop.runtime(), *this, std::move(socket));
    });
    REQUIRE(opened);
    listener = *std::move(opened);
    balancer = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(listener->port());
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    REQUIRE(connect(balancer, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    run_until([this] { return wait != nullptr; });
  }
  ~Wait() {
    close(balancer);
    wait = nullptr;
    visitor = nullptr;
    listener = nullptr;
  }

  void on_proxy_header(ProxyHeaderWait&, const std::optional<Address>& named) override {
    ++answers;
    source = named;
    visitor = wait->take_socket();
    visitor->set_handler(this);
    loop.runtime().graveyard.bury(std::move(wait));
  }
  void on_proxy_header_missing(ProxyHeaderWait&, std::string_view reason) override {
    ++answers;
    why = reason;
    loop.runtime().graveyard.bury(std::move(wait));
  }

  void on_data(Bytes bytes) override {
    heard += to_text(bytes);
    visitor->credit(bytes.size());
  }
  void on_end() override { ended = true; }
  void on_sent(std::size_t) override {}
  void on_closed(const Error&) override { ended = true; }

  void say(std::string_view text) {
    REQUIRE(send(balancer, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }
  template <typename Condition>
  void run_until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    std::function<void()> turn = [&] {
      if (condition() || std::chrono::steady_clock::now() > deadline) return loop.stop();
      loop.post(turn);
    };
    loop.post(turn);
    loop.run();
    REQUIRE(condition());
  }

  RecordingLog log;
  Loop loop{log};
  std::unique_ptr<TcpListener> listener;
  int balancer = -1;
  std::unique_ptr<ProxyHeaderWait> wait;
  std::unique_ptr<TcpSocket> visitor;
  std::optional<Address> source;
  std::string why;
  std::string heard;
  int answers = 0;
  bool ended = false;
};

}  // namespace

TEST_CASE("what follows the header is the visitor's, in one piece or byte by byte") {
  for (const bool at_once : {true, false}) {
    Wait world;
    const std::string request(200'000, 'r');
    if (at_once) {
      world.say(header + "first");
    } else {
      for (const char byte : header + "first") {
        world.say({&byte, 1});
        world.run_until([] { return true; });
      }
    }
    world.run_until([&] { return world.heard == "first"; });
    world.say(request);
    world.run_until([&] { return world.heard.size() == request.size() + 5; });
    CHECK(world.source == Address{"203.0.113.9", 40001});
    CHECK(world.visitor->peer().host == "127.0.0.1");
    CHECK(world.answers == 1);
  }
}

TEST_CASE("a FIN behind the header is the visitor's, too") {
  Wait world;
  world.say(header);
  shutdown(world.balancer, SHUT_WR);
  world.run_until([&] { return world.ended; });
  CHECK(world.source);
  CHECK(world.heard.empty());
}

TEST_CASE("a header that is cut, or none, ends the wait") {
  struct Case {
    std::string said;
    std::string why;
  };
  for (const Case& each :
       {Case{header.substr(0, 20), "cut"}, Case{"", ""}, Case{"GET / HTTP/1.1\r\n\r\n", "missing"}}) {
    CAPTURE(each.said);
    Wait world;
    if (!each.said.empty()) world.say(each.said);
    shutdown(world.balancer, SHUT_WR);
    world.run_until([&] { return world.answers != 0; });
    CHECK(world.answers == 1);
    CHECK(world.why == each.why);
    CHECK(world.wait == nullptr);
  }
}

TEST_CASE("a balancer that says nothing is waited for in vain until the deadline") {
  Wait world;
  world.say(header.substr(0, 30));
  const TimePoint due = world.loop.runtime().timers.next();
  CHECK(due <= std::chrono::steady_clock::now() + rules::proxy_header_time);
  world.loop.runtime().timers.run(due);
  CHECK(world.why == "time");
  CHECK(world.answers == 1);
}

TEST_CASE("a wait that is destroyed resets its connection and says nothing") {
  Wait world;
  world.wait = nullptr;
  char byte;
  world.run_until([&] { return recv(world.balancer, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET; });
  CHECK(world.answers == 0);
}
