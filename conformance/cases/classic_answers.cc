// The application's answers on their way to the visitor. docs/CLASSIC.md, "pool-http".
#include <thread>

#include "conformance/cases/server_cases.h"
#include "conformance/served_app.h"

namespace tenfold::conformance {
namespace {

// A visitor's request that the application has received and not answered.
struct Exchange {
  ServerTarget& target;
  Tunnel tunnel;
  Pool pool;
  Http visitor;
  Http* app = nullptr;

  Exchange(ServerTarget& at, std::string_view method = "GET", unsigned sockets = 1)
      : target(at), tunnel(at.create()), pool(at, tunnel, sockets), visitor(at.visit()) {
    visitor.send(request(method, "/", target.host_of(tunnel.id)));
    app = &pool.take().socket;
  }
};

void bodies(ServerSuite& suite) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{16384}, std::size_t{3'000'000}}) {
    suite.add({"classic/answer/length-" + std::to_string(size), Level::must,
               "an answer of " + std::to_string(size) + " bytes with Content-Length comes whole", "CLASSIC pool-http"},
              [size](ServerTarget& target) {
                const Tunnel tunnel = target.create();
                const std::string body = pattern(size, 2);
                ServedPool pool(target, tunnel, 1, [&](const Message&) { return answer(200, body); });
                Http visitor = target.visit();
                visitor.send(request("GET", "/", target.host_of(tunnel.id)));
                const Message got = visitor.read_answer("GET", in(10s));
                expect(got.body == body, "another body came");
              });
  }
  for (const std::size_t size : {std::size_t{1}, std::size_t{13}, std::size_t{40000}}) {
    suite.add({"classic/answer/chunks-" + std::to_string(size), Level::must,
               "an answer in chunks of " + std::to_string(size) + " comes whole", "CLASSIC pool-http"},
              [size](ServerTarget& target) {
                const Tunnel tunnel = target.create();
                const std::string body = pattern(size == 1 ? 3000 : 300'000, 3);
                ServedPool pool(target, tunnel, 1, [&](const Message&) {
                  return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, {size});
                });
                Http visitor = target.visit();
                visitor.send(request("GET", "/", target.host_of(tunnel.id)));
                expect(visitor.read_answer("GET", in(10s)).body == body, "another body came");
              });
  }
  suite.add({"classic/answer/until-close", Level::must, "an answer without a length lasts until the application closes",
             "CLASSIC pool-http"},
            [](ServerTarget& target) {
              Exchange exchange(target);
              exchange.app->send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of ");
              exchange.app->send("it");
              exchange.app->socket().close();
              REQUIRE(exchange.visitor.read_answer().body == "all of it");
            });
  suite.add(
      {"classic/answer/http-1.0", Level::must, "an HTTP/1.0 application's answer comes whole", "CLASSIC pool-http"},
      [](ServerTarget& target) {
        Exchange exchange(target);
        exchange.app->send("HTTP/1.0 200 OK\r\n\r\nold");
        exchange.app->socket().close();
        REQUIRE(exchange.visitor.read_answer().body == "old");
      });
  suite.add(
      {"classic/answer/events", Level::must, "events come one by one as they are sent", "CLASSIC pool-http"},
      [](ServerTarget& target) {
        Exchange exchange(target);
        exchange.app->send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (int i = 0; i < 3; ++i) {
          const std::string event = "data: " + std::to_string(i) + "\n\n";
          exchange.app->send("9\r\n" + event + "\r\n");
          if (i == 0) exchange.visitor.read_head();
          std::string got;
          const Deadline deadline = in(2s);
          while (got.find(event) == std::string::npos) got += exchange.visitor.read_some(deadline);
        }
      });
  suite.add(
      {"classic/answer/before-body", Level::must, "an answer before the request's body is whole reaches the visitor",
       "CONFORMANCE edge"},
      [](ServerTarget& target) {
        const Tunnel tunnel = target.create();
        Pool pool(target, tunnel, 1);
        Http visitor = target.visit();
        visitor.send("POST / HTTP/1.1\r\nHost: " + target.host_of(tunnel.id) + "\r\nContent-Length: 1000\r\n\r\nsome");
        Http& socket = pool.next_readable();
        socket.read_head();
        socket.send(answer(413, "too much", {{"Connection", "close"}}));
        const Message got = visitor.read_answer("POST");
        REQUIRE(got.status == 413);
        REQUIRE(got.body == "too much");
      });
  suite.add({"classic/answer/slow-visitor", Level::must, "a visitor who reads slowly gets every byte in the end",
             "CLASSIC pool-http"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              const std::string body = pattern(4'000'000, 4);
              ServedPool pool(target, tunnel, 1, [&](const Message&) { return answer(200, body); });
              Http visitor = target.visit();
              visitor.socket().small_receive_buffer();
              visitor.send(request("GET", "/", target.host_of(tunnel.id)));
              visitor.read_head();
              std::this_thread::sleep_for(500ms);
              expect(visitor.read_exactly(body.size(), in(20s)) == body, "another body came");
            });
}

void heads(ServerSuite& suite) {
  suite.add({"classic/answer/status", Level::must, "status codes come as they are", "CLASSIC pool-http"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              ServedPool pool(target, tunnel, 1,
                              [](const Message& asked) { return answer(std::stoi(asked.target.substr(1)), "x"); });
              for (const int status : {200, 201, 301, 400, 404, 418, 500, 503, 599}) {
                REQUIRE(target.ask("GET", "/" + std::to_string(status), target.host_of(tunnel.id)).status == status);
              }
            });
  suite.add({"classic/answer/fields", Level::must, "fields come, and each Set-Cookie by itself", "CLASSIC pool-http"},
            [](ServerTarget& target) {
              Exchange exchange(target);
              exchange.app->send(answer(200, "", {{"Set-Cookie", "a=1"}, {"X-App", "yes"}, {"Set-Cookie", "b=2"}}));
              const Message got = exchange.visitor.read_answer();
              REQUIRE(got.all("Set-Cookie") == std::vector<std::string>{"a=1", "b=2"});
              REQUIRE(got.field("X-App") == "yes");
            });
  for (const int status : {204, 304}) {
    suite.add({"classic/answer/" + std::to_string(status), Level::must,
               "after a " + std::to_string(status) + " the connection carries the next request", "CLASSIC pool-http"},
              [status](ServerTarget& target) {
                Exchange exchange(target);
                exchange.app->send("HTTP/1.1 " + std::to_string(status) + " Nothing\r\nX-App: yes\r\n\r\n");
                REQUIRE(exchange.visitor.read_answer().status == status);
                exchange.visitor.send(request("GET", "/next", exchange.target.host_of(exchange.tunnel.id)));
                exchange.pool.take().socket.send(answer(200, "next"));
                REQUIRE(exchange.visitor.read_answer().body == "next");
              });
  }
  suite.add({"classic/answer/head", Level::must, "HEAD's answer keeps its Content-Length and has no body",
             "CLASSIC pool-http"},
            [](ServerTarget& target) {
              // A faulty application may send the body that it announced: the server may drop that socket.
              Exchange exchange(target, "HEAD", 2);
              exchange.app->send("HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n");
              const Message got = exchange.visitor.read_answer("HEAD");
              REQUIRE(got.field("Content-Length") == "12345");
              exchange.visitor.send(request("GET", "/next", exchange.target.host_of(exchange.tunnel.id)));
              exchange.pool.take().socket.send(answer(200, "next"));
              REQUIRE(exchange.visitor.read_answer().body == "next");
            });
  suite.add(
      {"classic/answer/interim", Level::must, "a 103 before the answer does not stand for it", "CLASSIC pool-http"},
      [](ServerTarget& target) {
        Exchange exchange(target);
        exchange.app->send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(200, "final"));
        const Message got = exchange.visitor.read_answer();
        REQUIRE(got.status == 200);
        REQUIRE(got.body == "final");
      });
  suite.add(
      {"classic/answer/trailers", Level::should, "trailers come behind a chunked answer", "CLASSIC fault-trailers"},
      [](ServerTarget& target) {
        Exchange exchange(target);
        exchange.app->send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n" +
                           chunked("body", {2}, "X-Sum: 42\r\n"));
        const Message got = exchange.visitor.read_answer();
        REQUIRE(got.body == "body");
        REQUIRE(got.trailers.size() == 1);
      });
  suite.add({"classic/answer/endless-interim", Level::must,
             "an endless row of 1xx ends in an answer, or an end, and hurts nobody", "CLASSIC fault-3"},
            [](ServerTarget& target) {
              Exchange exchange(target);
              std::string row;
              for (int i = 0; i < 2000; ++i) row += "HTTP/1.1 102 Processing\r\n\r\n";
              const Deadline deadline = in(patience);
              try {
                while (Clock::now() < deadline && !exchange.visitor.socket().readable(0ms)) {
                  exchange.app->socket().write_some(row, in(200ms));
                }
              } catch (const Lost&) {
              }
              const Message last = exchange.visitor.read_answer("GET", deadline);
              REQUIRE(last.status == 502);
            });
  for (const auto& [id, raw] : std::vector<std::pair<std::string, std::string>>{
           {"garbage", "this is not HTTP\r\n\r\n"},
           {"two-lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"},
           {"no-crlf", "HTTP/1.1 200 OK\nX: " + std::string(200'000, 'y')}}) {
    suite.add({"classic/answer/bad-" + id, Level::must,
               "an answer that is no HTTP (" + id + ") gives the visitor a 502", "CLASSIC fault-3"},
              [raw = raw](ServerTarget& target) {
                Exchange exchange(target);
                try {
                  exchange.app->send(raw);
                } catch (const Lost&) {
                }
                REQUIRE(exchange.visitor.read_answer().status == 502);
              });
  }
}

}  // namespace

void add_classic_answers(ServerSuite& suite) {
  bodies(suite);
  heads(suite);
}

}  // namespace tenfold::conformance
