// Applications that answer automatically: see served_app.h.
#include "conformance/served_app.h"

#include <sys/socket.h>

#include <list>

namespace tenfold::conformance {
namespace {

void answer_requests(Http& connection, const Answerer& answerer, const std::function<bool()>& go_on) {
  while (go_on()) {
    if (connection.buffered().empty() && !connection.socket().readable(50ms)) continue;
    const Message request = connection.read_request();
    connection.send(answerer(request), in(30s));
    if (request.lists("Connection", "close")) return;
  }
}

}  // namespace

std::string echo(const Message& request) { return answer(200, request.body.empty() ? request.target : request.body); }

ServedPool::ServedPool(ServerTarget& target, const Tunnel& tunnel, unsigned sockets, Answerer answerer,
                       unsigned close_after)
    : target_(target), tunnel_(tunnel), answerer_(std::move(answerer)), close_after_(close_after) {
  for (unsigned i = 0; i < sockets; ++i) threads_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
  const Deadline deadline = in(patience);
  while (opened_ < sockets && Clock::now() < deadline) std::this_thread::sleep_for(5ms);
}

void ServedPool::serve(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    try {
      Http socket = target_.open_socket(tunnel_);
      ++opened_;
      unsigned answers = 0;
      answer_requests(
          socket,
          [&](const Message& request) {
            ++served_;
            ++answers;
            return answerer_(request);
          },
          [&] { return !stop.stop_requested() && (close_after_ == 0 || answers < close_after_); });
    } catch (const std::exception&) {
      // The server closed it, the tunnel is gone, or the bytes are no request: tries again after a pause.
      std::this_thread::sleep_for(20ms);
    }
  }
}

ServedApp::ServedApp(Answerer answerer)
    : ServedApp(Talk([answerer = std::move(answerer)](Http& connection) {
        answer_requests(connection, answerer, [] { return true; });
      })) {}

ServedApp::ServedApp(Talk talk)
    : talk_(std::move(talk)), acceptor_([this](const std::stop_token& stop) { accept_all(stop); }) {}

ServedApp::~ServedApp() { acceptor_.request_stop(); }

void ServedApp::accept_all(const std::stop_token& stop) {
  struct Served {
    Http connection;
    std::jthread thread;
  };
  std::list<Served> all;  // their threads end with their connections, at the latest when those are shut down below
  while (!stop.stop_requested()) {
    if (!listener_.pending(20ms)) continue;
    all.push_back({Http(listener_.accept()), {}});
    Served& served = all.back();
    ++connections_;
    served.thread = std::jthread([this, &served] {
      try {
        talk_(served.connection);
      } catch (const std::exception&) {
        // The client under test ended the connection; the case judges that.
      }
      ::shutdown(served.connection.socket().fd(), SHUT_RDWR);
    });
  }
  for (Served& served : all) ::shutdown(served.connection.socket().fd(), SHUT_RDWR);
}

}  // namespace tenfold::conformance
