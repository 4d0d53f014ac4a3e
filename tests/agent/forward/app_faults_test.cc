// What a person is told of an app that answers wrongly: over a link's stream and a pooled socket, with and without the
// flags that have requests read.
#include <doctest/doctest.h>

#include "base/limits.h"
#include "forward/path.h"

namespace tenfold {
namespace {

using namespace std::string_literals;
using test::get;
using test::over;
using test::Path;

TEST_CASE("an app that breaks off its answer is told of, with the request and what came") {
  over([](Path& path) {
    path.start();
    path.serve(get("/first"));
    path.visitor.say(get("/big"));
    path.pump();
    test::Peer& app = path.app();
    app.say("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + std::string(1200, 'x'));
    path.pump();
    CHECK(path.output.errors.empty());
    SUBCASE("by a reset") { app.cut(); }
    SUBCASE("in order") { app.end(); }
    path.pump();
    REQUIRE(path.output.errors.size() == 1);
    CHECK(path.output.errors[0].starts_with("http://127.0.0.1:8080 broke off its answer to GET /big after 1.2 KB ("));
  });
}

TEST_CASE("an app that closes behind a whole answer, and a visitor who leaves, are no fault of the app's") {
  over([](Path& path) {
    path.start();
    path.serve(get("/first"));
    SUBCASE("the app closes") { path.app().end(); }
    SUBCASE("the app resets") { path.app().cut(); }
    SUBCASE("the visitor leaves in the middle of an answer") {
      path.visitor.say(get("/big"));
      path.pump();
      path.app().say("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nhalf");
      path.pump();
      path.visitor.cut();
    }
    path.pump();
    CHECK(path.output.errors.empty());
  });
}

TEST_CASE("an app that answers with something that is no HTTP is told of, with the guess") {
  struct Row {
    std::string said;
    std::string_view line;
  };
  for (const Row& row : {
           Row{"\x15\x03\x01\0\x02\x02\x16"s,
               "http://127.0.0.1:8080 said '\\x15\\x03\\x01\\x00\\x02\\x02\\x16' where an answer was due, which is no "
               "HTTP: it speaks TLS: try https://"},
           Row{"Unauthorized"s, "http://127.0.0.1:8080 said 'Unauthorized' where an answer was due, which is no HTTP"},
       }) {
    over([&row](Path& path) {
      path.start();
      test::Peer& app = path.ask(get());
      app.say(row.said);
      app.end();
      path.pump();
      CHECK(path.output.errors == std::vector<std::string>{std::string(row.line)});
    });
  }
}

TEST_CASE("an app that speaks first and not HTTP is told of, once") {
  over([](Path& path) {
    path.start();
    for (int i = 0; i < 3; ++i) {
      path.visitor.say(get());
      path.network.pump();
      while (path.memory.step()) {
      }
      if (path.network.waiting() == 0) break;
      test::Peer& app = path.network.accept();
      app.say("SSH-2.0-OpenSSH_9.2\r\n");
      path.pump();
      app.end();
      path.pump();
    }
    REQUIRE(path.output.errors.size() == 1);
    CHECK(path.output.errors[0].ends_with("it speaks SSH"));
  });
}

TEST_CASE("bytes of another protocol behind an upgrade, and of an upload's middle, are no answer") {
  over([](Path& path) {
    path.start();
    test::Peer& app = path.ask(get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    app.say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    path.pump();
    for (int i = 0; i < 3; ++i) {
      path.visitor.say("\x81\x02hi");
      path.pump();
      app.say("\x81\x02ho");
      path.pump();
    }
    app.cut();
    path.pump();
    CHECK(path.output.errors.empty());
  });
}

}  // namespace
}  // namespace tenfold
