// A small site served over HTTP/1.1, with no broker in sight: what a connection does between its bytes and its streams.
#include "http1/server_connection.h"

#include <doctest/doctest.h>

#include <string>

#include "../http/site.h"
#include "base/limits.h"
#include "support/memory_pipe.h"
#include "support/test_runtime.h"

using namespace tenfold;
using namespace tenfold::test;

namespace {

class Client final : public Duplex::Handler {
 public:
  void on_data(Bytes bytes) override {
    heard += to_text(bytes);
    if (reads) return pipe->credit(bytes.size());
    held += bytes.size();
  }
  void on_end() override { ended = true; }
  void on_sent(std::size_t) override {}
  void on_closed(const Error& why) override { cut = why.kind != ErrorKind::none; }

  std::unique_ptr<Duplex> pipe;
  std::string heard;
  std::size_t held = 0;
  bool reads = true;
  bool ended = false;
  bool cut = false;
};

class Rig final : private http1::ServerConnection::Owner {
 public:
  explicit Rig(std::size_t cut_at = static_cast<std::size_t>(-1)) : chop_(cut_at), wire_(rt.runtime) {
    client.pipe = wire_.take_left();
    client.pipe->set_handler(&client);
    http1::ServerConnection::Owner& owner = *this;
    connection = std::make_unique<http1::ServerConnection>(shared_, patience, owner, wire_.take_right());
    connection->start();
  }
  ~Rig() {
    connection = nullptr;
    rt.graveyard.clear();
  }

  void say(std::string_view text) {
    client.pipe->write(to_bytes(text));
    pump();
  }
  std::string ask(std::string_view text) {
    client.heard.clear();
    say(text);
    return client.heard;
  }
  void pump() {
    for (bool moved = true; moved;) {
      const bool due = rt.timers.next() <= rt.timers.now();
      rt.timers.run(rt.timers.now(), &rt.graveyard);
      moved = wire_.step(chop_) || due;
    }
  }
  void pass(Duration delay) {
    pump();
    rt.pass(delay);
    pump();
  }

  TestRuntime rt;
  http::Patience patience;
  Pages site;
  Client client;
  std::unique_ptr<http1::ServerConnection> connection;
  http::Limit closed_by = http::Limit::none;

 private:
  void on_request(http::ServerStream& stream) override { site.serve(stream); }
  void on_fault(http::ServerStream& stream, const http::Fault& fault, http::Limit limit) override {
    site.refuse(stream, fault, limit);
  }
  void on_connection_closed(http1::ServerConnection&, const http::Gone& gone) override {
    site.closed = true;
    closed_by = gone.limit;
    rt.graveyard.bury(std::move(connection));
  }

  std::size_t chop_;

 public:
  MemoryPipe wire_;

 private:
  http1::ServerShared shared_{rt.runtime};
};

std::string get(std::string_view target, std::string_view fields = {}) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: site.example\r\n" + std::string(fields) + "\r\n";
}
std::string post(std::string_view target, std::string_view body) {
  return "POST " + std::string(target) +
         " HTTP/1.1\r\nHost: site.example\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

// However the client's bytes are cut.
template <typename Check>
void each_way(Check check) {
  for (const std::size_t chop : {static_cast<std::size_t>(-1), std::size_t{1}, std::size_t{7}}) {
    CAPTURE(chop);
    Rig rig(chop);
    check(rig);
  }
}

}  // namespace

TEST_CASE("requests are answered one after the other on a kept connection") {
  each_way([](Rig& rig) {
    const std::string first = rig.ask(get("/hello"));
    CHECK(first.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(first.ends_with("\r\n\r\nhello"));
    CHECK(first.find("Content-Length: 5\r\n") != std::string::npos);
    CHECK(first.find("Keep-Alive: timeout=75\r\n") != std::string::npos);
    // Of this connection alone, as the site's Connection names it.
    CHECK(first.find("X-Hop") == std::string::npos);
    CHECK(rig.ask(get("/nowhere")).starts_with("HTTP/1.1 404 "));
    CHECK_FALSE(rig.site.closed);
    CHECK(rig.site.requests.size() == 2);
  });
}

TEST_CASE("pipelined requests are answered in order, those behind a late one when that is done") {
  each_way([](Rig& rig) {
    rig.say(get("/hello") + get("/late") + get("/empty") + get("/hello"));
    CHECK(rig.site.requests.size() == 2);
    rig.site.answer_late();
    rig.pump();
    REQUIRE(rig.site.requests.size() == 4);
    const std::string& heard = rig.client.heard;
    CHECK(heard.find("late") < heard.find("204"));
    CHECK(heard.ends_with("hello"));
  });
}

TEST_CASE("a HEAD and a 204 have no body, and a HEAD tells its length") {
  Rig rig;
  const std::string head = rig.ask("HEAD /hello HTTP/1.1\r\nHost: site.example\r\n\r\n");
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(head.find("Content-Length: 5\r\n") != std::string::npos);
  CHECK(rig.ask(get("/empty")).find("Content-Length") == std::string::npos);
}

TEST_CASE("a body is heard as it comes, whichever way it is framed, and its trailers behind it") {
  each_way([](Rig& rig) {
    CHECK(rig.ask(post("/take", "hello")).ends_with("\r\n\r\n5"));
    CHECK(rig.ask("POST /take HTTP/1.1\r\nHost: site.example\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "5;a=b\r\nhello\r\n4\r\n you\r\n0\r\nX-Sum: 9\r\n\r\n")
              .find("\r\n\r\n") != std::string::npos);
    CHECK(rig.site.whole_bodies == 2);
    CHECK_FALSE(rig.site.closed);
  });
}

TEST_CASE("content of unknown size goes in chunks, with its trailers less those that may not be there") {
  Rig rig;
  const std::string heard = rig.ask(get("/trailers"));
  CHECK(heard.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(heard.ends_with("\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n"));
}

TEST_CASE("for HTTP/1.0 it ends with the connection, and no 1xx comes before it") {
  Rig rig;
  const std::string hints = rig.ask("GET /hints HTTP/1.0\r\nHost: site.example\r\nConnection: keep-alive\r\n\r\n");
  CHECK(hints.starts_with("HTTP/1.1 200 "));
  CHECK(hints.find("Connection: keep-alive\r\n") != std::string::npos);
  const std::string heard = rig.ask("GET /trailers HTTP/1.0\r\nHost: site.example\r\n\r\n");
  CHECK(heard.find("Transfer-Encoding") == std::string::npos);
  CHECK(heard.find("Connection: close\r\n") != std::string::npos);
  CHECK(heard.ends_with("\r\n\r\nbody"));
  CHECK(rig.client.ended);
}

TEST_CASE("interim answers come before the final one") {
  Rig rig;
  const std::string heard = rig.ask(get("/hints"));
  CHECK(heard.starts_with("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 "));
}

TEST_CASE("a large answer is written as the client takes it") {
  Rig rig;
  rig.client.reads = false;
  rig.say(get("/big?3000000"));
  CHECK(rig.client.heard.size() < 1'000'000);
  rig.client.reads = true;
  rig.client.pipe->credit(rig.client.held);
  rig.pump();
  CHECK(rig.client.heard.size() > 3'000'000);
  CHECK_FALSE(rig.site.closed);
}

TEST_CASE("an answer before the request's end closes the connection behind itself") {
  Rig rig;
  const std::string heard =
      rig.ask("POST /deaf HTTP/1.1\r\nHost: site.example\r\nContent-Length: 1000000\r\n\r\nhello");
  CHECK(heard.starts_with("HTTP/1.1 403 "));
  CHECK(heard.find("Connection: close\r\n") != std::string::npos);
  CHECK(rig.client.ended);
  // What still comes is thrown away for a while, so that no reset eats the answer.
  rig.say(std::string(100'000, 'x'));
  CHECK_FALSE(rig.client.cut);
  rig.pass(limits::linger_most + 1s);
  CHECK(rig.site.closed);
}

TEST_CASE("a broken answer is a visible cut") {
  Rig rig;
  const std::string heard = rig.ask(get("/cut"));
  CHECK(heard.ends_with("cut"));
  CHECK(rig.client.cut);
  CHECK(rig.site.closed);
}

TEST_CASE("what is no request is answered by its fault, and the connection closes") {
  each_way([](Rig& rig) {
    const std::string heard = rig.ask("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + get("/hello"));
    CHECK(heard.starts_with("HTTP/1.1 400 "));
    CHECK(rig.client.ended);
    CHECK(rig.site.requests.size() == 1);
    REQUIRE(rig.site.faults.size() == 1);
    CHECK(rig.site.faults[0] == "400 second-host");
  });
}

TEST_CASE("a target is shown in origin form, and the host that is asked beside it") {
  Rig rig;
  rig.ask("GET http://other.example?q HTTP/1.1\r\nHost: other.example:80\r\n\r\n");
  CHECK(rig.site.requests.back().target == "/?q");
  rig.ask("OPTIONS http://other.example HTTP/1.1\r\nHost: other.example\r\n\r\n");
  CHECK(rig.site.requests.back().target == "*");
  rig.ask("GET http://other.example/a HTTP/1.1\r\nHost: site.example\r\n\r\n");
  CHECK(rig.site.faults.back() == "400 host-mismatch");
}

TEST_CASE("a body that breaks its framing ends the stream, and is refused when nothing was answered") {
  Rig rig;
  const std::string heard =
      rig.ask("POST /take HTTP/1.1\r\nHost: site.example\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n");
  CHECK(heard.starts_with("HTTP/1.1 400 "));
  REQUIRE(rig.site.gone.size() == 1);
  CHECK(rig.site.gone[0].why.origin == Origin::visitor);
  CHECK(rig.site.gone[0].why.kind == ErrorKind::protocol);
}

TEST_CASE("a visitor who leaves in the middle ends the stream") {
  SUBCASE("of the request, by FIN") {
    Rig rig;
    rig.say("POST /take HTTP/1.1\r\nHost: site.example\r\nContent-Length: 10\r\n\r\nhello");
    rig.client.pipe->end();
    rig.pump();
    CHECK(rig.site.gone.size() == 1);
    CHECK(rig.site.closed);
  }
  SUBCASE("of the answer, by a reset") {
    Rig rig;
    rig.say(get("/late"));
    rig.client.pipe->reset(ErrorKind::cancelled);
    rig.pump();
    CHECK(rig.site.gone.size() == 1);
    CHECK(rig.site.closed);
  }
}

TEST_CASE("each wait for the visitor has its end") {
  Rig rig;
  SUBCASE("between requests") {
    rig.ask(get("/hello"));
    rig.pass(rig.patience.keep_alive + 2s);
    CHECK(rig.client.ended);
    CHECK(rig.site.faults.empty());
  }
  SUBCASE("for a head") {
    rig.say("GET / HTTP/1.1\r\n");
    rig.pass(rig.patience.head + 1s);
    CHECK(rig.site.faults == std::vector<std::string>{"408 slow-head"});
  }
  SUBCASE("for a body") {
    rig.say("POST /take HTTP/1.1\r\nHost: site.example\r\nContent-Length: 10\r\n\r\nhello");
    rig.pass(rig.patience.body_idle + 1s);
    CHECK(rig.site.faults == std::vector<std::string>{"408 slow-body body-idle"});
    CHECK(rig.site.gone.size() == 1);
  }
  SUBCASE("for one who takes nothing") {
    rig.client.reads = false;
    rig.say(get("/big?3000000"));
    rig.pass(rig.patience.reader_idle + 1s);
    REQUIRE(rig.site.gone.size() == 1);
    CHECK(rig.site.gone[0].limit == http::Limit::reader_idle);
  }
  SUBCASE("for one who may have left") {
    rig.say(get("/late"));
    rig.client.pipe->end();
    rig.pass(rig.patience.half_close + 1s);
    REQUIRE(rig.site.gone.size() == 1);
    CHECK(rig.site.gone[0].limit == http::Limit::half_close);
  }
  SUBCASE("but who is held back is not waited for") {
    rig.site.let_late_pause(true);
    rig.say("POST /late HTTP/1.1\r\nHost: site.example\r\nContent-Length: 10\r\n\r\n");
    rig.pass(30min);
    CHECK(rig.site.faults.empty());
    CHECK_FALSE(rig.site.closed);
  }
}

TEST_CASE("an upgrade hands out the connection, with what came behind the request") {
  each_way([](Rig& rig) {
    rig.say(get("/raw", "Connection: Upgrade\r\nUpgrade: x\r\n") + "early");
    CHECK(rig.client.heard.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    CHECK(rig.client.heard.ends_with("\r\n\r\nearly"));
    CHECK(rig.site.closed);  // as a server of HTTP
    CHECK(rig.ask(" and more").ends_with(" and more"));
    CHECK_FALSE(rig.client.ended);
  });
}

TEST_CASE("draining answers what runs and then closes, and at the end of its time refuses or cuts") {
  Rig rig;
  SUBCASE("idle") {
    rig.connection->drain();
    rig.pump();
    CHECK(rig.client.ended);
  }
  SUBCASE("between two requests, whose visitor was not told") {
    rig.pass(5s);
    rig.ask(get("/a"));
    rig.connection->drain();
    rig.pump();
    CHECK_FALSE(rig.client.ended);
    SUBCASE("the next one comes") {
      rig.client.heard.clear();
      CHECK(rig.ask(get("/b")).find("Connection: close\r\n") != std::string::npos);
    }
    SUBCASE("it does not come") { rig.pass(limits::keep_alive_grace); }
    rig.pump();
    CHECK(rig.client.ended);
  }
  SUBCASE("between two requests, long after the last one") {
    rig.pass(5s);
    rig.ask(get("/a"));
    rig.pass(limits::keep_alive_grace);
    rig.connection->drain();
    rig.pump();
    CHECK(rig.client.ended);
  }
  SUBCASE("a request that is answered in time") {
    rig.say(get("/late"));
    rig.connection->drain();
    rig.pump();
    CHECK_FALSE(rig.client.ended);
    rig.site.answer_late();
    rig.pump();
    CHECK(rig.client.heard.find("Connection: close\r\n") != std::string::npos);
    CHECK(rig.client.ended);
  }
  SUBCASE("one that is not") {
    rig.say(get("/late"));
    rig.connection->drain();
    rig.connection->end_now({503, "draining"});
    rig.pump();
    CHECK(rig.site.gone.size() == 1);
    CHECK(rig.client.heard.starts_with("HTTP/1.1 503 "));
  }
  SUBCASE("an answer that has begun") {
    rig.client.reads = false;
    rig.say(get("/big?3000000"));
    rig.connection->end_now({503, "draining"});
    rig.client.reads = true;
    rig.client.pipe->credit(rig.client.held);
    rig.pump();
    CHECK(rig.client.cut);
  }
}

TEST_CASE("an upgrade behind a body hands out what came behind that") {
  each_way([](Rig& rig) {
    rig.say("POST /after HTTP/1.1\r\nHost: site.example\r\nContent-Length: 2\r\n\r\nokearly");
    CHECK(rig.client.heard.ends_with("\r\n\r\nearly"));
  });
  // The same when it waited behind another request.
  Rig rig;
  rig.say(get("/late") + "POST /after HTTP/1.1\r\nHost: site.example\r\nContent-Length: 2\r\n\r\nokearly");
  rig.site.answer_late();
  rig.pump();
  CHECK(rig.client.heard.ends_with("\r\n\r\nearly"));
}

TEST_CASE("a client who takes its answers slowly keeps its next request") {
  Rig rig;
  rig.client.reads = false;
  rig.say(get("/big?500000") + get("/hello"));
  for (int i = 0; i < 200 && rig.client.held != 0; ++i) {
    const std::size_t some = std::min<std::size_t>(rig.client.held, 4000);
    rig.client.held -= some;
    rig.client.pipe->credit(some);
    rig.pass(30s);
  }
  CHECK(rig.client.heard.ends_with("hello"));
}

TEST_CASE("what who answered still holds of a body is given back when it is over") {
  Rig rig;
  rig.client.reads = false;
  SUBCASE("by the answer's end") {
    rig.say(post("/echo", std::string(100'000, 'x')));
    rig.client.pipe->credit(rig.client.held);
  }
  SUBCASE("by a refusal in its middle") {
    rig.say("POST /hold HTTP/1.1\r\nHost: site.example\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nx\r\n");
    CHECK(rig.site.faults.size() == 1);
  }
  SUBCASE("by the server's end") {
    rig.say("POST /hold HTTP/1.1\r\nHost: site.example\r\nContent-Length: 10\r\n\r\nhello");
    rig.connection->end_now({503, "draining"});
  }
  rig.pump();
  CHECK(rig.site.whole_bodies + rig.site.gone.size() == 1);
  CHECK(rig.wire_.right_uncredited() == 0);
}

TEST_CASE("a connection that is destroyed tells who answers on it") {
  Rig rig;
  rig.say(get("/late"));
  rig.connection = nullptr;
  CHECK(rig.site.gone.size() == 1);
}
