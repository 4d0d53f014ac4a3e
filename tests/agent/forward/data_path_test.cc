// The way from the broker to the local app and back, over a link's stream and over a pooled socket, with and without
// the flags that have requests read: what one side said reaches the other, and an app's words on an idle connection
// reach no visitor.
#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "forward/path.h"

namespace tenfold {
namespace {

using test::answer;
using test::get;
using test::is_pooled;
using test::is_stream;
using test::no_content;
using test::over;
using test::Path;
using test::post;
using test::reads;

// ---- Nothing is lost -------------------------------------------------------------

TEST_CASE("requests and answers go their way, and all credit comes back") {
  over([](Path& path) {
    path.start();
    test::Peer& app = path.serve();
    path.visitor.say(post("body"));
    path.pump();
    CHECK(app.received == path.at_app(post("body")));
    app.say(no_content);
    path.pump();
    CHECK(path.visitor.received == no_content);
    CHECK(path.nothing_owed());
    CHECK_FALSE(path.visitor.closed);
  });
}

TEST_CASE("an app that answers in the middle of an upload and resets has answered") {
  over([](Path& path) {
    path.start();
    const std::string refusal = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig";
    test::Peer& app = path.ask(post("some of it", 5'000'000));
    app.say(refusal);
    path.network.pump();
    app.cut();
    path.visitor.say(std::string(100'000, 'x'));
    path.pump();
    CHECK(path.visitor.received == refusal);
    CHECK(path.visitor.closed);
    CHECK(path.visitor.why.kind != ErrorKind::none);
  });
}

TEST_CASE("the end of an answer that ends with its connection reaches the server") {
  const std::string answers[] = {
      answer("last", "Connection: close\r\n"),
      "HTTP/1.1 200 OK\r\n\r\nuntil close",
      "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold",
      "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut short",
      "HTTP/1.1 200 O",
  };
  for (const std::string& said : answers) {
    CAPTURE(said);
    over([&said](Path& path) {
      path.start();
      test::Peer& app = path.ask(get());
      app.say(said);
      app.end();
      path.pump();
      CHECK(path.visitor.received == said);
      CHECK(path.visitor.ended);
    });
  }
}

TEST_CASE("a request that says that it is the last one ends the pipe with the app's end") {
  over([](Path& path) {
    path.start();
    path.serve(get("/", "Connection: close\r\n")).end();
    path.pump();
    CHECK(path.visitor.ended);
  });
}

// ---- An app that closes an idle connection -----------------------------------------

TEST_CASE(
    "an app's end between two requests is not passed on to a pooled socket, and the next visitor has a new "
    "connection") {
  over(
      [](Path& path) {
        path.start();
        for (int i = 0; i < 3; ++i) {
          test::Peer& app = path.serve(get(), i % 2 == 0 ? answer() : no_content);
          i == 1 ? app.cut() : app.end();
          path.pump();
          CHECK(app.closed != (i == 1));
          path.pass(1min);
          CHECK_FALSE(path.visitor.ended);
          CHECK_FALSE(path.visitor.closed);
          CHECK(path.network.waiting() == 0);
        }
        CHECK(path.nothing_owed());
      },
      is_pooled);
}

TEST_CASE("a request that meets the app's end goes to a new connection, whatever its method, once") {
  for (const std::string& request :
       {post("body"), get(), get("/", "", "DELETE"), post(std::string(60'000, 'x')), post("begun", 1'000'000)}) {
    over(
        [&request](Path& path) {
          path.start();
          test::Peer& app = path.serve();
          path.visitor.say(request);
          app.end();
          path.visitor_first();
          path.pump();
          CHECK(app.received.empty());
          REQUIRE(path.network.waiting() == 1);
          test::Peer& second = path.network.accept();
          path.pump();
          CHECK(second.received == path.at_app(request));
          CHECK_FALSE(path.visitor.ended);
          // From here it is as on any connection.
          second.end();
          path.pump();
          CHECK(path.visitor.received.empty());
          CHECK(path.visitor.ended);
          CHECK(path.network.waiting() == 0);
        },
        is_pooled);
  }
}

TEST_CASE("... and so does one that meets the app's reset, or its last words") {
  over(
      [](Path& path) {
        path.start();
        for (int i = 0; i < 2; ++i) {
          test::Peer& app = path.serve();
          path.visitor.say(post("body"));
          if (i == 0) {
            app.cut();
          } else {
            app.say("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
            app.close();
          }
          path.visitor_first();
          path.pump();
          test::Peer& second = path.network.accept();
          path.pump();
          CHECK(second.received == path.at_app(post("body")));
          second.say(no_content);
          path.pump();
          CHECK(path.visitor.received == no_content);
          path.visitor.received.clear();
          second.end();
          path.pump();
        }
        CHECK(path.nothing_owed());
      },
      is_pooled);
}

TEST_CASE("a request that meets the app's end on a stream is refused: nothing of it was begun") {
  for (const bool end_first : {true, false}) {
    CAPTURE(end_first);
    over(
        [end_first](Path& path) {
          path.start();
          test::Peer& app = path.serve();
          path.visitor.say(post("body"));
          app.end();
          if (end_first) {
            path.network.pump();
          } else {
            path.visitor_first();
          }
          path.pump();
          CHECK(app.received.empty());
          CHECK(path.visitor.received.empty());
          CHECK(path.visitor.closed);
          CHECK(path.visitor.why.kind == ErrorKind::unbegun);
        },
        is_stream);
  }
}

TEST_CASE("an app's end between two requests is passed on to a stream") {
  over(
      [](Path& path) {
        path.start();
        path.serve().end();
        path.pump();
        CHECK(path.visitor.ended);
        path.visitor.end();
        path.pump();
        CHECK(path.visitor.closed);
        CHECK(path.visitor.why.kind == ErrorKind::none);
      },
      is_stream);
}

TEST_CASE("what an app says while it is asked nothing reaches no visitor") {
  const std::string timeout = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";
  for (const bool closes : {true, false}) {
    over(
        [&timeout, closes](Path& path) {
          path.start();
          test::Peer& app = path.serve();
          app.say(timeout);
          if (closes) app.end();
          path.pump();
          CHECK(path.visitor.received.empty());
          CHECK(app.closed);
          CHECK(path.visitor.ended == !path.way.pooled);
          if (!path.way.pooled) return;
          path.serve(post("body"), no_content);
          CHECK(path.nothing_owed());
        },
        reads);
  }
}

TEST_CASE("the body that a careless app sends behind an answer that has none reaches no visitor") {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
  for (const bool later : {false, true}) {
    over(
        [&head, later](Path& path) {
          path.start();
          test::Peer& app = path.ask(get("/", "", "HEAD"));
          app.say(head);
          if (later) path.pump();
          app.say("body");
          path.pump();
          CHECK(path.visitor.received == head);
          CHECK(app.closed);
        },
        reads);
  }
}

TEST_CASE("a request that was begun is not sent twice, and the broker of a stream hears at once that it was") {
  over([](Path& path) {
    path.start();
    test::Peer& app = path.serve();
    path.visitor.say(post("body"));
    path.pump();
    CHECK(app.received == path.at_app(post("body")));
    app.end();
    path.pump();
    CHECK(path.network.waiting() == 0);
    CHECK((path.visitor.ended || path.visitor.closed));
    CHECK(path.visitor.closed == !path.way.pooled);
    if (!path.way.pooled) CHECK(path.visitor.why.kind == ErrorKind::closed);
  });
}

TEST_CASE("the end of an app that speaks another protocol is an end, whatever was said to it last") {
  over([](Path& path) {
    path.start();
    test::Peer& app = path.serve(get("/", "Connection: Upgrade\r\nUpgrade: x\r\n"),
                                 "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
    path.visitor.say("a last word");
    path.pump();
    app.end();
    path.pump();
    CHECK(path.visitor.ended);
    CHECK_FALSE(path.visitor.closed);
  });
}

TEST_CASE("an app that answers while it closes, on its first connection, is heard") {
  over([](Path& path) {
    path.start();
    path.visitor.say(get());
    path.pump();
    test::Peer& app = path.network.accept();
    app.say("HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    app.end();
    path.pump();
    CHECK(path.visitor.received.starts_with("HTTP/1.1 503"));
    CHECK(path.visitor.ended);
  });
}

// ---- --no-keep-alive ----------------------------------------------------------------

TEST_CASE("--no-keep-alive: each request says close, and has a connection of its own") {
  over([](Path& path) {
    path.forwarding.no_keep_alive = true;
    path.start();
    path.visitor.say(get("/", "Connection: keep-alive, TE\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n"));
    path.pump();
    test::Peer& app = path.network.accept();
    path.pump();
    CHECK(app.received.ends_with("Connection: TE\r\nTE: trailers\r\nConnection: close\r\n\r\n"));
    // It does not say that it closes, and does not.
    app.say(answer());
    path.pump();
    CHECK(path.visitor.received == answer());
    CHECK(app.closed);
    CHECK(path.visitor.ended == !path.way.pooled);
    if (!path.way.pooled) return;
    path.visitor.say(get());
    path.pump();
    CHECK(path.network.waiting() == 1);
  });
}

TEST_CASE("--no-keep-alive leaves an upgrade as it is") {
  over([](Path& path) {
    path.forwarding.no_keep_alive = true;
    path.start();
    test::Peer& app = path.ask(get("/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
    app.say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    path.pump();
    path.visitor.say("frame");
    app.say("frame");
    path.pump();
    CHECK(app.received.ends_with("\r\n\r\nframe"));
    CHECK(path.visitor.received.ends_with("\r\n\r\nframe"));
  });
}

// ---- How long an app takes ----------------------------------------------------------

TEST_CASE("--first-byte: a slow app's visitor is told, and the app's connection dropped") {
  over([](Path& path) {
    path.forwarding.first_byte = 30s;
    path.start();
    test::Peer& app = path.ask(get("/report"));
    path.pass(29s);
    CHECK(path.visitor.received.empty());
    path.pass(1s);
    CHECK(path.visitor.received.starts_with("HTTP/1.1 504 Gateway Timeout\r\nDate: "));
    CHECK(path.visitor.received.find("\r\nConnection: close\r\n") != std::string::npos);
    CHECK(path.visitor.received.ends_with(
        "\r\n\r\n504 No answer came from behind this tunnel in time: the app is slow.\n"));
    CHECK(path.visitor.ended);
    CHECK(app.closed);
    CHECK(path.output.has_error("http://127.0.0.1:8080 did not answer GET /report within 30 s"));
    path.visitor.say(get("/let-go"));
    path.visitor.end();
    path.pump();
    CHECK(path.nothing_owed());
    CHECK(path.visitor.closed);
    CHECK(path.visitor.why.kind == ErrorKind::none);
  });
}

TEST_CASE("--first-byte: a HEAD is told without a body") {
  over([](Path& path) {
    path.forwarding.first_byte = 1s;
    path.start();
    path.ask(get("/", "", "HEAD"));
    path.pass(1s);
    CHECK(path.visitor.received.starts_with("HTTP/1.1 504 "));
    CHECK(path.visitor.received.ends_with("\r\n\r\n"));
  });
}

TEST_CASE("--first-byte: a server that does not end its side does not keep the pipe") {
  over([](Path& path) {
    path.forwarding.first_byte = 1s;
    path.start();
    path.ask(get());
    path.pass(1s);
    CHECK(path.visitor.ended);
    path.pass(limits::linger_time);
    CHECK(path.visitor.closed);
  });
}

TEST_CASE("--first-byte: an upload that its visitor pauses does not count against the app") {
  over([](Path& path) {
    path.forwarding.first_byte = 30s;
    path.start();
    test::Peer& app = path.ask(post("half", 8));
    path.pass(5min);
    CHECK(path.visitor.received.empty());
    path.visitor.say("rest");
    path.pump();
    path.pass(29s);
    CHECK(path.visitor.received.empty());
    app.say(answer());
    path.pump();
    CHECK(path.visitor.received == answer());
    path.pass(1h);
    CHECK_FALSE(path.visitor.ended);
  });
}

TEST_CASE("--first-byte: an app that has to ask for the body is waited for, and so is one after its 100") {
  for (const bool asks : {false, true}) {
    over([asks](Path& path) {
      path.forwarding.first_byte = 30s;
      path.start();
      test::Peer& app = path.ask(post("", 8, "Expect: 100-continue\r\n"));
      path.pass(29s);
      if (asks) {
        app.say("HTTP/1.1 100 Continue\r\n\r\n");
        path.pump();
        path.pass(1min);
        path.visitor.say("the body");
        path.pump();
        path.pass(29s);
      }
      CHECK(path.visitor.received.find("504") == std::string::npos);
      path.pass(1s);
      CHECK(path.visitor.received.find("HTTP/1.1 504 ") == (asks ? 25 : 0));
    });
  }
}

TEST_CASE("--first-byte: an answer that has begun, and another protocol, take their time") {
  for (const char* begun : {"HTTP/1.1 2", "HTTP/1.1 200 OK\r\n\r\n",
                            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"}) {
    over([begun](Path& path) {
      path.forwarding.first_byte = 1s;
      path.start();
      path.ask(get("/", "Connection: Upgrade\r\nUpgrade: x\r\n")).say(begun);
      path.pump();
      path.visitor.say("frame");
      path.pass(1min);
      CHECK(path.visitor.received == begun);
      CHECK_FALSE(path.visitor.ended);
    });
  }
}

TEST_CASE("a visitor who gives up after a long wait is told on the terminal") {
  over([](Path& path) {
    path.start();
    path.ask(get("/report"));
    path.pass(75s);
    CHECK(path.output.errors.empty());
    if (path.way.pooled) {
      path.visitor.end();
    } else {
      path.visitor.cut();
    }
    path.pump();
    CHECK(path.output.has_error("a visitor waited 75 s for http://127.0.0.1:8080 and got no answer to GET /report"));
    path.pass(20min);
    CHECK(path.output.errors.size() == 1);
  });
}

TEST_CASE("... and not where the app is not to blame") {
  struct Case {
    const char* name;
    std::string request;
    std::string said;
    Duration waited;
    bool app_ends;
  };
  const Case cases[] = {
      {"he did not wait long", get(), "", 59s, false},
      {"his upload is not whole", post("half", 8), "", 2min, false},
      {"the answer came", get(), answer(), 2min, false},
      {"the answer has begun", get(), "HTTP/1.1 200 OK\r\n", 2min, false},
      {"the app has ended", get(), "", 2min, true},
      {"it is another protocol", get("/", "Connection: Upgrade\r\nUpgrade: x\r\n"),
       "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", 2min, false},
  };
  for (const Case& each : cases) {
    CAPTURE(std::string(each.name));
    over([&each](Path& path) {
      path.start();
      test::Peer& app = path.ask(each.request);
      if (!each.said.empty()) app.say(each.said);
      if (each.app_ends) app.end();
      path.pump();
      if (each.said.find(" 101 ") != std::string::npos) path.visitor.say("a frame that wants no answer");
      path.pass(each.waited);
      path.visitor.cut();
      path.pump();
      CHECK(path.output.errors.empty());
    });
  }
}

}  // namespace
}  // namespace tenfold
