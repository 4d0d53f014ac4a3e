// ServedPool: the sockets of a classic tunnel, each with a thread that answers requests, and opens a new socket when
// one closes. For cases that only watch the visitors. ServedApp: a local application for a client under test.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

#include "conformance/server_target.h"

namespace tenfold::conformance {

// Returns the raw bytes of the answer to a request. Called on many threads.
using Answerer = std::function<std::string(const Message&)>;

// Answers with the body, or with the target if there is none.
std::string echo(const Message& request);

class ServedPool {
 public:
  // `close_after`: a socket is closed after this many answers; 0: never.
  ServedPool(ServerTarget& target, const Tunnel& tunnel, unsigned sockets, Answerer answerer = echo,
             unsigned close_after = 0);
  ServedPool(const ServedPool&) = delete;
  ServedPool& operator=(const ServedPool&) = delete;

  unsigned served() const { return served_; }
  unsigned opened() const { return opened_; }

 private:
  void serve(const std::stop_token& stop);

  ServerTarget& target_;
  const Tunnel tunnel_;
  const Answerer answerer_;
  const unsigned close_after_;
  std::atomic<unsigned> served_{0};
  std::atomic<unsigned> opened_{0};
  std::vector<std::jthread> threads_;
};

class ServedApp {
 public:
  // Runs on a separate thread for each connection, while that lasts.
  using Talk = std::function<void(Http& connection)>;

  explicit ServedApp(Answerer answerer = echo);
  explicit ServedApp(Talk talk);
  ~ServedApp();
  ServedApp(const ServedApp&) = delete;
  ServedApp& operator=(const ServedApp&) = delete;

  std::uint16_t port() const { return listener_.port(); }
  unsigned connections() const { return connections_; }

 private:
  void accept_all(const std::stop_token& stop);

  Listener listener_;
  const Talk talk_;
  std::atomic<unsigned> connections_{0};
  std::jthread acceptor_;
};

}  // namespace tenfold::conformance
