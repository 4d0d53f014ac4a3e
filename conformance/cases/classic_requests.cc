// Visitors' requests on their way to the application, and the visitor's own connection. docs/CLASSIC.md, "pool-http".
#include <thread>

#include "conformance/cases/server_cases.h"
#include "conformance/served_app.h"

namespace tenfold::conformance {
namespace {

// Sends one raw request to a pool of one socket; returns what the application gets.
Message arrives_as(ServerTarget& target, const std::string& raw, std::string_view method = "GET") {
  const Tunnel tunnel = target.create();
  Pool pool(target, tunnel, 1);
  Http visitor = target.visit();
  visitor.send(fill_in(raw, {{"host", target.host_of(tunnel.id)}}), in(10s));
  Pool::Taken taken = pool.take(in(10s));
  taken.socket.send(answer(200, method == "HEAD" ? "" : "ok"));
  REQUIRE(visitor.read_answer(method).status == 200);
  return taken.request;
}

void heads(ServerSuite& suite) {
  suite.add({"classic/request/path", Level::must, "the path arrives byte for byte", "CLASSIC pool-http"},
            [](ServerTarget& target) {
              const std::string path = "/a%2Fb//c/./d/../e;p=1?q=a+b&r=%00&s=[]|'#";
              const std::string sent = path.substr(0, path.size() - 1);
              REQUIRE(arrives_as(target, "GET " + sent + " HTTP/1.1\r\nHost: {host}\r\n\r\n").target == sent);
            });
  suite.add({"classic/request/host", Level::must, "Host arrives as the visitor sent it", "CLASSIC pool-http"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              Http visitor = target.visit();
              visitor.send(request("GET", "/", target.host_of(tunnel.id)));
              REQUIRE(pool.take().request.field("Host") == target.host_of(tunnel.id));
            });
  suite.add({"classic/request/fields", Level::must, "names and values of fields arrive, repeated ones too",
             "CLASSIC pool-http"},
            [](ServerTarget& target) {
              const Message got = arrives_as(target,
                                             "GET / HTTP/1.1\r\nHost: {host}\r\nX-One: 1\r\nX-Two: a, b\r\nX-Empty:\r\n"
                                             "Cookie: a=1; b=2\r\nAccept: text/a\r\nX-Latin: caf\xe9\r\n\r\n");
              REQUIRE(got.field("X-One") == "1");
              REQUIRE(got.field("X-Two") == "a, b");
              REQUIRE(got.has("X-Empty"));
              REQUIRE(got.field("Cookie") == "a=1; b=2");
              REQUIRE(got.field("Accept") == "text/a");
            });
  suite.add(
      {"classic/request/large-field", Level::must, "a field of 7,000 bytes arrives whole", "CLASSIC pool-http"},
      [](ServerTarget& target) {
        const std::string value(7000, 'v');
        REQUIRE(arrives_as(target, "GET / HTTP/1.1\r\nHost: {host}\r\nX-Big: " + value + "\r\n\r\n").field("X-Big") ==
                value);
      });
  for (const char* method : {"HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    suite.add({std::string("classic/request/method-") + method, Level::must,
               std::string(method) + " arrives as " + method, "CLASSIC pool-http"},
              [method](ServerTarget& target) {
                const std::string raw =
                    std::string(method) + " / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n";
                REQUIRE(arrives_as(target, raw, method).method == method);
              });
  }
  suite.add({"classic/request/forwarded", Level::should,
             "X-Forwarded-For, -Proto and -Host tell of the visitor, whatever he forged", "CONFORMANCE edge"},
            [](ServerTarget& target) {
              const Message got = arrives_as(
                  target,
                  "GET / HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: gopher\r\n\r\n");
              expect(got.has("X-Forwarded-For") && got.field("X-Forwarded-For").find("6.6.6.6") == std::string::npos,
                     "X-Forwarded-For: " + got.field("X-Forwarded-For"));
              REQUIRE(got.field("X-Forwarded-Proto") == (target.options().tls ? "https" : "http"));
              REQUIRE(got.has("X-Forwarded-Host"));
            });
  suite.add(
      {"classic/request/hop-by-hop", Level::should, "what Connection names stops at the server", "CONFORMANCE edge"},
      [](ServerTarget& target) {
        const Message got = arrives_as(target,
                                       "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: X-Private, keep-alive\r\n"
                                       "X-Private: 1\r\nKeep-Alive: timeout=9\r\n\r\n");
        REQUIRE(!got.has("X-Private"));
        REQUIRE(!got.has("Keep-Alive"));
      });
}

void bodies(ServerSuite& suite) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{1023}, std::size_t{65537}, std::size_t{3'000'000}}) {
    suite.add({"classic/request/length-" + std::to_string(size), Level::must,
               "a body of " + std::to_string(size) + " bytes with Content-Length arrives whole", "CLASSIC pool-http"},
              [size](ServerTarget& target) {
                const Tunnel tunnel = target.create();
                ServedPool pool(target, tunnel, 1);
                const std::string body = pattern(size);
                Http visitor = target.visit();
                visitor.send(request("POST", "/", target.host_of(tunnel.id), {}, body), in(10s));
                expect(visitor.read_answer("POST", in(10s)).body == body, "another body came back");
              });
  }
  const std::vector<std::pair<const char*, std::vector<std::size_t>>> chunkings = {
      {"1", {1}}, {"7", {7}}, {"4096", {4096}}, {"mixed", {1, 16384, 3, 70000, 2, 1000}}};
  for (const auto& [name, sizes] : chunkings) {
    suite.add(
        {std::string("classic/request/chunks-") + name, Level::must,
         std::string("a body in chunks of ") + name + " arrives whole", "CLASSIC pool-http"},
        [sizes = sizes](ServerTarget& target) {
          const Tunnel tunnel = target.create();
          ServedPool pool(target, tunnel, 1);
          const std::string body = pattern(sizes.front() == 1 && sizes.size() == 1 ? 2000 : 200'000);
          Http visitor = target.visit();
          visitor.send(request("POST", "/", target.host_of(tunnel.id), {{"Transfer-Encoding", "chunked"}}), in(10s));
          visitor.send(chunked(body, sizes), in(10s));
          expect(visitor.read_answer("POST", in(10s)).body == body, "another body came back");
        });
  }
  suite.add({"classic/request/drip", Level::must, "a body's bytes arrive as they are sent, not at its end",
             "CLASSIC pool-http"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              Http visitor = target.visit();
              visitor.send("POST / HTTP/1.1\r\nHost: " + target.host_of(tunnel.id) + "\r\nContent-Length: 6\r\n\r\nab");
              Http& socket = pool.next_readable();
              socket.read_head();
              REQUIRE(socket.read_exactly(2, in(2s)) == "ab");
              for (const char* part : {"cd", "ef"}) {
                visitor.send(part);
                REQUIRE(socket.read_exactly(2, in(2s)) == part);
              }
            });
  suite.add({"classic/request/expect", Level::must,
             "Expect: 100-continue gets a 100 before the body, or the final answer", "CLASSIC pool-http"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              ServedPool pool(target, tunnel, 1, [](const Message& asked) { return answer(200, asked.body); });
              Http visitor = target.visit();
              visitor.send("POST / HTTP/1.1\r\nHost: " + target.host_of(tunnel.id) +
                           "\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
              // RFC 9110 10.1.1: a client need not wait forever; this one waits for a second.
              if (visitor.socket().readable(1s)) REQUIRE(visitor.read_head().status == 100);
              visitor.send("body");
              REQUIRE(visitor.read_answer("POST").body == "body");
            });
  suite.add(
      {"classic/request/split-head", Level::must, "a head that comes byte by byte is one head", "CLASSIC pool-http"},
      [](ServerTarget& target) {
        const Tunnel tunnel = target.create();
        Pool pool(target, tunnel, 1);
        Http visitor = target.visit();
        const std::string head = request("GET", "/bytes", target.host_of(tunnel.id), {{"X-A", "b"}});
        for (const char c : head) visitor.send(std::string(1, c));
        const Message got = pool.take().request;
        REQUIRE(got.target == "/bytes");
        REQUIRE(got.field("X-A") == "b");
      });
}

void connections(ServerSuite& suite) {
  suite.add(
      {"classic/visitor/keep-alive", Level::must, "three requests in turn on one connection", "CLASSIC pool-http"},
      [](ServerTarget& target) {
        const Tunnel tunnel = target.create();
        ServedPool pool(target, tunnel, 2);
        Http visitor = target.visit();
        for (const char* path : {"/1", "/2", "/3"}) {
          visitor.send(request("GET", path, target.host_of(tunnel.id)));
          REQUIRE(visitor.read_answer().body == path);
        }
      });
  suite.add({"classic/visitor/pipelined", Level::must, "requests sent together are answered in their order",
             "CLASSIC pool-http"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              ServedPool pool(target, tunnel, 2);
              Http visitor = target.visit();
              std::string all;
              for (const char* path : {"/1", "/2", "/3", "/4"}) all += request("GET", path, target.host_of(tunnel.id));
              visitor.send(all);
              for (const char* path : {"/1", "/2", "/3", "/4"}) REQUIRE(visitor.read_answer().body == path);
            });
  suite.add({"classic/visitor/two-tunnels", Level::must,
             "two requests on one connection go to two tunnels by their Hosts", "CONFORMANCE edge"},
            [](ServerTarget& target) {
              const Tunnel one = target.create();
              const Tunnel two = target.create();
              ServedPool pool_one(target, one, 1, [](const Message&) { return answer(200, "one"); });
              ServedPool pool_two(target, two, 1, [](const Message&) { return answer(200, "two"); });
              Http visitor = target.visit();
              for (int i = 0; i < 2; ++i) {
                visitor.send(request("GET", "/", target.host_of(one.id)));
                REQUIRE(visitor.read_answer().body == "one");
                visitor.send(request("GET", "/", target.host_of(two.id)));
                REQUIRE(visitor.read_answer().body == "two");
              }
            });
  suite.add({"classic/visitor/close", Level::must, "Connection: close is honoured", "CLASSIC pool-http"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              ServedPool pool(target, tunnel, 1);
              Http visitor = target.visit();
              visitor.send(request("GET", "/bye", target.host_of(tunnel.id), {{"Connection", "close"}}));
              REQUIRE(visitor.read_answer().body == "/bye");
              visitor.wait_for_end();
            });
  suite.add({"classic/visitor/http-1.0", Level::must, "an HTTP/1.0 request is answered and the connection closed",
             "CLASSIC pool-http"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              ServedPool pool(target, tunnel, 1);
              Http visitor = target.visit();
              visitor.send("GET /old HTTP/1.0\r\nHost: " + target.host_of(tunnel.id) + "\r\n\r\n");
              const std::string all = visitor.read_to_end();
              expect(all.find("/old") != std::string::npos, "no answer: " + all.substr(0, 100));
              expect(all.find("ransfer-") == std::string::npos, "a transfer coding for HTTP/1.0");
            });
  suite.add({"classic/visitor/leaves-in-download", Level::must,
             "a visitor who leaves ends the application's answer; the tunnel goes on", "CLASSIC pool-http"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              Http visitor = target.visit();
              visitor.send(request("GET", "/", target.host_of(tunnel.id)));
              Http& socket = pool.take().socket;
              socket.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + std::string(1000, 'x'));
              visitor.read_head();
              visitor.socket().reset();
              bool ended = false;
              const Deadline deadline = in(patience);
              while (!ended && Clock::now() < deadline) {
                try {
                  socket.socket().write_some(std::string(4096, 'x'), in(100ms));
                } catch (const Lost&) {
                  ended = true;
                }
                std::this_thread::sleep_for(10ms);
              }
              expect(ended, "the pooled socket still takes bytes for a visitor who left");
              pool.sockets()[0] = target.open_socket(tunnel);
              Http next = target.visit();
              next.send(request("GET", "/", target.host_of(tunnel.id)));
              pool.take().socket.send(answer(200, "next"));
              REQUIRE(next.read_answer().body == "next");
            });
}

}  // namespace

void add_classic_requests(ServerSuite& suite) {
  heads(suite);
  bodies(suite);
  connections(suite);
}

}  // namespace tenfold::conformance
