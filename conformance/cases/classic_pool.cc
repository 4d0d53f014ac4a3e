// The pool of sockets: which socket gets a request, and what happens when sockets open and close. docs/CLASSIC.md,
// "Pool".
#include <thread>

#include "conformance/cases/server_cases.h"
#include "conformance/served_app.h"

namespace tenfold::conformance {
namespace {

void sharing(ServerSuite& suite) {
  suite.add({"classic/pool/all-used", Level::must, "as many visitors as sockets are served at the same time",
             "CLASSIC pool-count"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              const unsigned count = std::min(10u, tunnel.max_conn_count);
              Pool pool(target, tunnel, count);
              std::vector<Http> visitors;
              for (unsigned i = 0; i < count; ++i) {
                visitors.push_back(target.visit());
                visitors.back().send(request("GET", "/" + std::to_string(i), target.host_of(tunnel.id)));
              }
              // All requests arrive before the first is answered, each on its own socket.
              std::vector<Pool::Taken> taken;
              for (unsigned i = 0; i < count; ++i) taken.push_back(pool.take());
              for (Pool::Taken& each : taken) each.socket.send(answer(200, each.request.target));
              for (unsigned i = 0; i < count; ++i) REQUIRE(visitors[i].read_answer().body == "/" + std::to_string(i));
            });
  suite.add({"classic/pool/count-kept", Level::must, "max_conn_count sockets stay open together", "CLASSIC pool-count"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, tunnel.max_conn_count);
              expect(pool.silent(500ms), "the server closed a socket, or spoke on it, without a request");
            });
  suite.add({"classic/pool/11th-socket", Level::must,
             "a client that reconnects whenever its socket beyond max_conn_count closes is not sent into a storm",
             "CLASSIC fault-1"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, tunnel.max_conn_count);
              int opened = 0;
              const Deadline end = in(1500ms);
              while (Clock::now() < end) {
                Http extra = target.open_socket(tunnel);
                ++opened;
                // It may be parked, or closed after a while.
                if (!extra.socket().readable(left(end))) break;
                try {
                  extra.wait_for_end(end);
                } catch (const Timeout&) {
                }
              }
              expect(opened <= 15, std::to_string(opened) + " reconnects in 1.5 s");
            });
  suite.add({"classic/pool/excess-harmless", Level::must, "sockets beyond max_conn_count do not hurt those within",
             "CLASSIC pool-excess"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, tunnel.max_conn_count);
              std::vector<Http> extra;
              for (int i = 0; i < 5; ++i) extra.push_back(target.open_socket(tunnel));
              Http visitor = target.visit();
              visitor.send(request("GET", "/", target.host_of(tunnel.id)));
              pool.take().socket.send(answer(200, "within"));
              REQUIRE(visitor.read_answer().body == "within");
            });
}

void reuse(ServerSuite& suite) {
  suite.add({"classic/pool/reuse", Level::must, "one socket serves several requests in turn", "CLASSIC pool-reuse"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              for (int i = 0; i < 3; ++i) {
                Http visitor = target.visit();
                visitor.send(request("GET", "/" + std::to_string(i), target.host_of(tunnel.id)));
                auto [socket, asked] = pool.take();
                REQUIRE(asked.target == "/" + std::to_string(i));
                socket.send(answer(200, asked.target));
                REQUIRE(visitor.read_answer().body == asked.target);
              }
            });
  suite.add({"classic/pool/app-closes", Level::must,
             "a socket that said Connection: close is closed and replaced by another", "CLASSIC pool-reuse"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              for (int i = 0; i < 3; ++i) {
                Http visitor = target.visit();
                visitor.send(request("GET", "/", target.host_of(tunnel.id)));
                Http& socket = pool.take().socket;
                socket.send(answer(200, "bye", {{"Connection", "close"}}));
                REQUIRE(visitor.read_answer().body == "bye");
                socket.socket().finish();
                socket.wait_for_end();
                pool.sockets()[0] = target.open_socket(tunnel);
              }
            });
  suite.add({"classic/pool/no-pipelining", Level::must,
             "no second request comes on a socket before the first is answered", "CLASSIC pool-reuse"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              Http first = target.visit();
              Http second = target.visit();
              first.send(request("GET", "/1", target.host_of(tunnel.id)));
              auto [socket, asked] = pool.take();
              second.send(request("GET", "/2", target.host_of(tunnel.id)));
              expect(socket.silent(400ms), "bytes behind a request that is not answered yet");
              socket.send(answer(200, "1"));
              REQUIRE(first.read_answer().body == "1");
            });
}

void losses(ServerSuite& suite) {
  suite.add({"classic/pool/early-bytes", Level::should,
             "a socket that speaks while idle is thrown away, its bytes with it", "CLASSIC fault-idle-bytes"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              pool.sockets()[0].send(answer(408, "too slow", {{"Connection", "close"}}));
              std::this_thread::sleep_for(200ms);
              Http good = target.open_socket(tunnel);
              Http visitor = target.visit();
              visitor.send(request("GET", "/", target.host_of(tunnel.id)));
              if (good.socket().readable(2s)) {
                good.read_request();
                good.send(answer(200, "good"));
              }
              REQUIRE(visitor.read_answer().body == "good");
            });
  suite.add({"classic/pool/dead-socket", Level::must, "a socket that closed while idle gets no visitor",
             "CLASSIC pool-count"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 2);
              pool.sockets()[0].socket().close();
              std::this_thread::sleep_for(200ms);
              for (int i = 0; i < 3; ++i) {
                Http visitor = target.visit();
                visitor.send(request("GET", "/", target.host_of(tunnel.id)));
                pool.take().socket.send(answer(200, "alive"));
                REQUIRE(visitor.read_answer().body == "alive");
              }
            });
  suite.add({"classic/pool/death-before-answer", Level::must,
             "a socket that dies before its answer leaves the visitor with a 502 or 503", "CLASSIC fault-3"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              Http visitor = target.visit();
              visitor.send(request("POST", "/", target.host_of(tunnel.id), {}, "do it once"));
              pool.take().socket.socket().close();
              const int status = visitor.read_answer("POST", in(target.options().waiting)).status;
              REQUIRE((status == 502 || status == 503));
            });
  suite.add({"classic/pool/reset-before-answer", Level::must,
             "a socket that is reset before its answer leaves the visitor with a 502 or 503", "CLASSIC fault-3"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              Http visitor = target.visit();
              visitor.send(request("POST", "/", target.host_of(tunnel.id), {}, "do it once"));
              pool.take().socket.socket().reset();
              const int status = visitor.read_answer("POST", in(target.options().waiting)).status;
              REQUIRE((status == 502 || status == 503));
            });
  suite.add({"classic/pool/death-in-answer", Level::must, "a socket that dies within a Content-Length is a visible cut",
             "CLASSIC pool-death"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              Http visitor = target.visit();
              visitor.send(request("GET", "/", target.host_of(tunnel.id)));
              Http& socket = pool.take().socket;
              socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
              visitor.read_head();
              socket.socket().close();
              visitor.wait_for_end();
            });
  suite.add({"classic/pool/death-in-chunks", Level::must,
             "a socket that dies within a chunked body gives no last chunk", "CLASSIC pool-death"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              Http visitor = target.visit();
              visitor.send(request("GET", "/", target.host_of(tunnel.id)));
              Http& socket = pool.take().socket;
              socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
              Message head = visitor.read_head();
              socket.socket().close();
              visitor.read_body(head);
              expect(head.cut, "the body ends as if it were whole");
            });
}

void turnover(ServerSuite& suite) {
  suite.add({"classic/pool/change", Level::must, "visitors are served while every socket closes after each answer",
             "CLASSIC pool-replace"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              const Answerer closing = [](const Message& asked) {
                return answer(200, asked.target, {{"Connection", "close"}});
              };
              ServedPool pool(target, tunnel, std::min(4u, tunnel.max_conn_count), closing, 1);
              for (int i = 0; i < 40; ++i) {
                const Message got = target.ask("GET", "/" + std::to_string(i), target.host_of(tunnel.id));
                REQUIRE(got.status == 200);
                REQUIRE(got.body == "/" + std::to_string(i));
              }
            });
  suite.add({"classic/pool/crowd", Level::must, "60 visitors at once through the pool, each gets his own answer",
             "CLASSIC pool-count"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              ServedPool pool(target, tunnel, std::min(10u, tunnel.max_conn_count));
              std::vector<Http> visitors;
              for (int i = 0; i < 60; ++i) {
                visitors.push_back(target.visit());
                visitors.back().send(request("GET", "/" + std::to_string(i), target.host_of(tunnel.id)));
              }
              for (int i = 0; i < 60; ++i)
                REQUIRE(visitors[static_cast<std::size_t>(i)].read_answer().body == "/" + std::to_string(i));
            });
}

}  // namespace

void add_classic_pool(ServerSuite& suite) {
  sharing(suite);
  reuse(suite);
  losses(suite);
  turnover(suite);
}

}  // namespace tenfold::conformance
