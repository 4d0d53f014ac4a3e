// Path: one pipe of one agent, from the broker to the local app: a link's stream or a pooled socket, with and without
// the flags that have requests read. A test case runs over each.
#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/links/session.h"
#include "base/limits.h"
#include "links/link_broker.h"

namespace tenfold::test {

struct Way {
  const char* name;
  bool pooled;
  std::string local_host;
  bool print_requests;

  bool reads() const { return pooled || print_requests || !local_host.empty(); }
};

inline const Way ways[] = {
    {"stream", false, "", false},
    {"stream, --local-host", false, "app.local", false},
    {"stream, --print-requests", false, "", true},
    {"pooled", true, "", false},
    {"pooled, --local-host", true, "app.local", false},
    {"pooled, --print-requests", true, "", true},
};

inline std::string get(const std::string& path = "/", const std::string& fields = {},
                       const std::string& method = "GET") {
  return method + " " + path + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
}
inline std::string post(const std::string& body, std::size_t length, const std::string& fields = {}) {
  return get("/post", fields + "Content-Length: " + std::to_string(length) + "\r\n", "POST") + body;
}
inline std::string post(const std::string& body) { return post(body, body.size()); }
inline std::string answer(const std::string& body = "hello", const std::string& fields = {}) {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline const std::string no_content = "HTTP/1.1 204 No Content\r\n\r\n";

// One pipe of one agent: its far end is `visitor`.
struct Path : AgentFixture, Forwarder::Owner, Session::Owner {
  const Way way;
  MemoryPipe memory{runtime};
  Peer visitor{runtime};
  std::unique_ptr<LinkBroker> broker;
  std::unique_ptr<Session> session;
  std::unique_ptr<Forwarder> forwarder;
  bool done = false;  // of a pooled socket
  Peer* newest_app = nullptr;

  explicit Path(const Way& chosen) : way(chosen) {
    forwarding.local_host = way.local_host;
    forwarding.print_requests = way.print_requests;
  }
  virtual ~Path() { runtime.graveyard.clear(); }

  void start() {
    if (way.pooled) {
      visitor.attach(memory.take_left());
      forwarder = std::make_unique<Forwarder>(forwarding, memory.take_right(), *this);
      forwarder->start();
    } else {
      broker = std::make_unique<LinkBroker>(network, memory.take_left());
      session = std::make_unique<Session>(side, memory.take_right(), tunnel, *this);
      session->start({});
      broker->register_tunnel("blue-fox", "https://blue-fox.example");
      pump();
      broker->open(visitor, "blue-fox");
    }
    pump();
  }

  // The app's connection that is dialled for what the visitor says.
  Peer& ask(const std::string& request) {
    visitor.say(request);
    pump();
    REQUIRE(network.waiting() == 1);
    Peer& app = network.accept();
    newest_app = &app;
    pump();
    CHECK(app.received == at_app(request));
    return app;
  }
  // The app's side of the connection that was dialled last.
  Peer& app() const { return *newest_app; }
  // One request and its answer.
  Peer& serve(const std::string& request = get(), const std::string& said = answer()) {
    Peer& app = ask(request);
    app.say(said);
    pump();
    CHECK(visitor.received == said);
    app.received.clear();
    visitor.received.clear();
    return app;
  }
  std::string at_app(std::string request) const {
    const std::size_t host = request.find("Host: x\r\n");
    if (host != std::string::npos && !way.local_host.empty()) request.replace(host + 6, 1, way.local_host);
    return request;
  }

  void pump() {
    do network.pump();
    while (memory.step());
    network.pump();
    runtime.graveyard.clear();
  }
  // What the visitor says is heard before anything of the app's side, in the same turn.
  void visitor_first() {
    while (memory.step()) {
    }
  }
  void pass(Duration delay) {
    // In steps, so that a link's PINGs are answered.
    for (Duration left = delay; left > Duration::zero();) {
      const Duration step = std::min<Duration>(left, 1s);
      test.pass(step);
      pump();
      left -= step;
    }
  }
  bool nothing_owed() const { return !way.pooled || memory.right_uncredited() == 0; }

  void on_forwarder_done(Forwarder&, const Error&) override {
    done = true;
    runtime.graveyard.bury(std::move(forwarder));
  }
  void on_session_registered(Session&, Tunnel&, const Granted&) override {}
  void on_session_refused(Session&, Tunnel&, const std::string&, const std::string&) override {}
  void on_session_unregistered(Session&, Tunnel&, const std::string&, const std::string&) override {}
  void on_session_unanswered(Session&, Tunnel&) override {}
  void on_session_draining(Session&, Duration) override {}
  void on_session_closed(Session&, const Error&) override { runtime.graveyard.bury(std::move(session)); }
};

// Each case on each way of its own.
template <typename Case>
void over(
    Case test_case, bool (*fits)(const Way&) = [](const Way&) { return true; }) {
  for (const Way& way : ways) {
    if (!fits(way)) continue;
    CAPTURE(std::string(way.name));
    Path path(way);
    test_case(path);
  }
}
inline bool is_pooled(const Way& way) { return way.pooled; }
inline bool is_stream(const Way& way) { return !way.pooled; }
inline bool reads(const Way& way) { return way.reads(); }

}  // namespace tenfold::test
