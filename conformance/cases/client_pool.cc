// The pool of a client, and the traffic on it. docs/CLASSIC.md, "Pool".
#include <thread>

#include "conformance/cases/client_cases.h"

namespace tenfold::conformance {
namespace {

void sockets(ClientSuite& suite) {
  for (const unsigned count : {1u, 3u, 10u}) {
    suite.add({"client/pool/count-" + std::to_string(count), Level::must,
               "max_conn_count " + std::to_string(count) + " opens exactly so many sockets", "CLASSIC client-count"},
              [count](ClientTarget& target) {
                ClientRun run(target);
                run.start(count);
                std::vector<Http> all;
                for (unsigned i = 0; i < count; ++i) all.push_back(run.accept_pool());
                expect(!run.pool.pending(800ms), "one socket more");
              });
  }
  suite.add({"client/pool/count-missing", Level::must, "without max_conn_count it opens one", "CLASSIC client-count"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(0);
              Http socket = run.accept_pool();
              expect(!run.pool.pending(800ms), "one socket more");
            });
  suite.add(
      {"client/pool/replaces", Level::must, "a socket that closes is replaced within 5 s", "CLASSIC pool-replace"},
      [](ClientTarget& target) {
        ClientRun run(target);
        run.start(2);
        Http first = run.accept_pool();
        Http second = run.accept_pool();
        first.socket().close();
        Http third = run.accept_pool();
        expect(!run.pool.pending(500ms), "two for one");
      });
  suite.add({"client/pool/replaces-at-fin", Level::must,
             "a socket that the server ends is replaced although the application keeps its connection",
             "CLASSIC pool-half-close"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(1);
              Http socket = run.accept_pool();
              socket.send(request("GET", "/", "x", {{"Connection", "close"}}));
              Http app = run.accept_app();
              app.read_request();
              app.send(answer(200, "bye"));
              REQUIRE(socket.read_answer().body == "bye");
              socket.socket().finish();
              run.accept_pool();
            });
  suite.add({"client/pool/backoff", Level::must,
             "a server that closes every socket at once sees at most 60 of them in 2 s", "CLASSIC pool-replace"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(3);
              int opened = 0;
              run.accept_pool().socket().close();
              for (const Deadline end = in(2s); Clock::now() < end && opened < 5000;) {
                if (!run.pool.pending(left(end))) break;
                run.accept_pool().socket().close();
                ++opened;
              }
              expect(opened <= 60, std::to_string(opened) + " sockets");
            });
  suite.add(
      {"client/pool/ip", Level::must, "`ip` is dialled when it is an address of the server asked", "CLASSIC client-ip"},
      [](ClientTarget& target) {
        ClientRun run(target, {.host = "localhost"});
        run.start(1, ",\"ip\":\"127.0.0.1\"");
        run.accept_pool();
      });
  suite.add({"client/pool/port-refused", Level::must, "a pool port that refuses does not end the client; it asks again",
             "CLASSIC client-port-refused"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.pool.close();
              run.start(2);
              ClientRun::Ask again = run.take_ask(in(15s));
              run.pool.listen_again();
              run.grant(again, 1);
              run.accept_pool();
            });
  suite.add({"client/pool/lost-server", Level::must, "a server that goes away and comes back gets a new handshake",
             "CLASSIC pool-grace"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(2);
              Http first = run.accept_pool();
              Http second = run.accept_pool();
              run.server.close();
              run.pool.close();
              first.socket().close();
              second.socket().close();
              std::this_thread::sleep_for(1500ms);
              run.server.listen_again();
              ClientRun::Ask again = run.take_ask(in(20s));
              run.pool.listen_again();
              run.grant(again, 2);
              run.accept_pool();
            });
}

void traffic(ClientSuite& suite) {
  suite.add({"client/serve/exchange", Level::must, "a request reaches the application, its answer comes back",
             "CLASSIC pool-http"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(1);
              Http socket = run.accept_pool();
              const std::string asked = request("GET", "/a%2fb?c", "blue-fox.localhost", {{"X-One", "1"}});
              socket.send(asked);
              Http app = run.accept_app();
              REQUIRE(app.read_exactly(asked.size()) == asked);
              app.send(answer(200, "hello"));
              REQUIRE(socket.read_answer().body == "hello");
            });
  suite.add({"client/serve/keep-alive", Level::must, "two requests in turn on one socket", "CLASSIC pool-reuse"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(1);
              Http socket = run.accept_pool();
              socket.send(request("GET", "/1", "x"));
              Http app = run.accept_app();
              for (int i = 0; i < 2; ++i) {
                const Message got = app.read_request();
                app.send(answer(200, got.target));
                REQUIRE(socket.read_answer().body == got.target);
                if (i == 0) socket.send(request("GET", "/2", "x"));
              }
            });
  suite.add({"client/serve/together", Level::must, "three sockets serve at the same time", "CLASSIC pool-count"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(3);
              std::vector<Http> all;
              for (int i = 0; i < 3; ++i) all.push_back(run.accept_pool());
              for (std::size_t i = 0; i < 3; ++i) all[i].send(request("GET", "/" + std::to_string(i), "x"));
              std::vector<Http> apps;
              for (int i = 0; i < 3; ++i) apps.push_back(run.accept_app());
              for (Http& app : apps) app.send(answer(200, app.read_request().target));
              for (std::size_t i = 0; i < 3; ++i) REQUIRE(all[i].read_answer().body == "/" + std::to_string(i));
            });
  suite.add({"client/serve/bodies", Level::must, "2 MB each way come whole", "CLASSIC pool-http"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(1);
              Http socket = run.accept_pool();
              const std::string body = pattern(2'000'000);
              const std::string asked = request("POST", "/", "x", {}, body);
              std::size_t sent = socket.socket().write_some(asked, in(100ms));
              Http app = run.accept_app();
              std::string got;
              for (const Deadline deadline = in(15s); got.size() < asked.size();) {
                sent += socket.socket().write_some(std::string_view(asked).substr(sent), in(1ms));
                if (app.socket().readable(50ms)) got += app.read_some();
                if (Clock::now() > deadline) throw Timeout("2 MB within 15 s");
              }
              expect(got == asked, "other bytes reached the application");
              const std::string answered = answer(200, body);
              std::string back;
              sent = 0;
              for (const Deadline deadline = in(15s); back.size() < answered.size();) {
                sent += app.socket().write_some(std::string_view(answered).substr(sent), in(1ms));
                if (socket.socket().readable(50ms)) back += socket.read_some();
                if (Clock::now() > deadline) throw Timeout("2 MB within 15 s");
              }
              expect(back == answered, "other bytes came back");
            });
  suite.add({"client/serve/upgraded", Level::must, "after a 101 bytes flow both ways", "CLASSIC upgrade"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(1);
              Http socket = run.accept_pool();
              socket.send(request("GET", "/", "x", {{"Connection", "Upgrade"}, {"Upgrade", "y"}}) + "early");
              Http app = run.accept_app();
              app.read_head();
              REQUIRE(app.read_exactly(5) == "early");
              app.send("HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: y\r\n\r\nhello");
              REQUIRE(socket.read_head().status == 101);
              REQUIRE(socket.read_exactly(5) == "hello");
              socket.send("Host: not a head\r\n");
              REQUIRE(app.read_exactly(18) == "Host: not a head\r\n");
            });
}

void ends(ClientSuite& suite) {
  suite.add({"client/serve/app-closes", Level::must, "an application that closes ends the socket, and a new one comes",
             "CLASSIC pool-replace"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(1);
              Http socket = run.accept_pool();
              socket.send(request("GET", "/", "x"));
              Http app = run.accept_app();
              app.read_request();
              app.send(answer(200, "bye", {{"Connection", "close"}}));
              app.socket().close();
              REQUIRE(socket.read_answer().body == "bye");
              socket.wait_for_end();
              socket.socket().close();
              run.accept_pool();
            });
  suite.add({"client/serve/app-down", Level::must, "with the application down it goes on, and serves once that is up",
             "CLASSIC pool-app-down"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.app.close();
              run.start(1);
              Http socket = run.accept_pool();
              std::this_thread::sleep_for(1200ms);
              expect(run.process->running(), "it ended");
              run.app.listen_again();
              // It may be held open, or answered and replaced: within 10 s a request gets through.
              const Deadline deadline = in(10s);
              for (;;) {
                try {
                  socket.send(request("GET", "/", "x"));
                  if (run.app.pending(2s)) break;
                } catch (const Lost&) {
                }
                if (Clock::now() > deadline) throw Timeout("the application was not asked within 10 s");
                if (run.pool.pending(0ms)) socket = run.accept_pool();
              }
              Http app = run.accept_app();
              app.read_request();
              app.send(answer(200, "up again"));
              REQUIRE(socket.read_answer().body == "up again");
            });
  suite.add({"client/serve/socket-end", Level::must, "a socket that the server ends ends the application's connection",
             "CLASSIC pool-half-close"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(1);
              Http socket = run.accept_pool();
              socket.send(request("GET", "/", "x"));
              Http app = run.accept_app();
              app.read_request();
              socket.socket().close();
              app.wait_for_end();
            });
}

void hosts(ClientSuite& suite) {
  for (const bool second : {false, true}) {
    suite.add({second ? "client/host/every" : "client/host/first", Level::must,
               second ? "--local-host rewrites the Host of a socket's second request as well"
                      : "--local-host rewrites the first Host",
               "CLASSIC pool-host-rewrite"},
              [second](ClientTarget& target) {
                ClientRun run(target, {.flags = "--local-host 127.0.0.1"});
                run.start(1);
                Http socket = run.accept_pool();
                socket.send(request("GET", "/1", "blue-fox.localhost"));
                Http app = run.accept_app();
                expect(app.read_request().field("Host").starts_with("127.0.0.1"), "the first Host");
                app.send(answer(200, "1"));
                socket.read_answer();
                if (!second) return;
                socket.send(request("POST", "/2", "blue-fox.localhost", {}, "Host: blue-fox.localhost\r\n"));
                const Message got = app.read_request();
                expect(got.field("Host").starts_with("127.0.0.1"), "Host: " + got.field("Host"));
                REQUIRE(got.body == "Host: blue-fox.localhost\r\n");
              });
  }
}

}  // namespace

void add_client_pool(ClientSuite& suite) {
  sockets(suite);
  traffic(suite);
  ends(suite);
  hosts(suite);
}

}  // namespace tenfold::conformance
