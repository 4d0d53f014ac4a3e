// The site of site.h on a real loop: HTTP/2 with prior knowledge on a port of 127.0.0.1 that the system chose. The
// first line of stdout is that port. SIGTERM drains every connection and ends it.
//
//   h2_site
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <utility>

#include "../support/test_runtime.h"
#include "http2/server_connection.h"
#include "io/loop.h"
#include "io/tcp_listener.h"
#include "site.h"

using namespace tenfold;

int main() {
  test::RecordingLog log;
  Loop loop(log);
  struct Served {
    test::Site site;
    std::unique_ptr<http2::ServerConnection> connection;
  };
  std::map<http2::ServerConnection*, std::unique_ptr<Served>> served;
  auto listener = TcpListener::open(loop, {"127.0.0.1", 0}, [&](std::unique_ptr<TcpSocket> socket) {
    auto one = std::make_unique<Served>();
    http2::ServerOptions options;
    options.scheme = "http";
    one->site.on_closed = [&](http2::ServerConnection& connection) {
      const auto at = served.find(&connection);
      loop.runtime().graveyard.bury(std::move(at->second));
      served.erase(at);
    };
    one->connection = std::make_unique<http2::ServerConnection>(loop.runtime(), one->site, std::move(socket), options);
    http2::ServerConnection& connection = *one->connection;
    served.emplace(&connection, std::move(one));
    connection.start();
  });
  if (!listener) return 1;
  std::printf("%u\n", (*listener)->port());
  std::fflush(stdout);
  loop.watch_signal(SIGTERM, [&] {
    (*listener).reset();
    for (const auto& [connection, one] : served) connection->drain();
  });
  loop.run();
  for (const std::string& line : log.lines) std::fprintf(stderr, "%s\n", line.c_str());
  return 0;
}
