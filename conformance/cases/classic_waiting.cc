// Visitors without a free socket, and tunnels without sockets: whether visitors wait, how long, and how long a name is
// kept. docs/CLASSIC.md, "Pool" and faults 3 and 7.
#include <thread>

#include "conformance/cases/server_cases.h"

namespace tenfold::conformance {
namespace {

void waiting(ServerSuite& suite) {
  suite.add(
      {"classic/waiting/served", Level::must, "a visitor who waits gets the socket that comes", "CLASSIC pool-count"},
      [](ServerTarget& target) {
        const Tunnel tunnel = target.create();
        Pool busy(target, tunnel, 1);
        Http first = target.visit();
        first.send(request("GET", "/first", target.host_of(tunnel.id)));
        busy.take();
        Http second = target.visit();
        second.send(request("GET", "/second", target.host_of(tunnel.id)));
        if (tunnel.max_conn_count < 2) skip("one socket is all that this server takes");
        expect(second.silent(300ms), "an answer without a socket");
        Pool fresh(target, tunnel, 1);
        auto [socket, asked] = fresh.take();
        REQUIRE(asked.target == "/second");
        socket.send(answer(200, "second"));
        REQUIRE(second.read_answer().body == "second");
      });
  suite.add({"classic/waiting/freed-socket", Level::must, "a visitor who waits gets the socket that becomes free",
             "CLASSIC fault-starve"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              Http first = target.visit();
              first.send(request("GET", "/1", target.host_of(tunnel.id)));
              Http& socket = pool.take().socket;
              Http second = target.visit();
              second.send(request("GET", "/2", target.host_of(tunnel.id)));
              std::this_thread::sleep_for(100ms);
              socket.send(answer(200, "1"));
              REQUIRE(first.read_answer().body == "1");
              pool.take().socket.send(answer(200, "2"));
              REQUIRE(second.read_answer().body == "2");
            });
  suite.add({"classic/waiting/in-order", Level::should, "visitors are served in the order in which they came",
             "CLASSIC pool-count"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              std::vector<Http> visitors;
              for (int i = 0; i < 4; ++i) {
                visitors.push_back(target.visit());
                visitors.back().send(request("GET", "/" + std::to_string(i), target.host_of(tunnel.id)));
                std::this_thread::sleep_for(50ms);
              }
              for (int i = 0; i < 4; ++i) {
                auto [socket, asked] = pool.take();
                REQUIRE(asked.target == "/" + std::to_string(i));
                socket.send(answer(200, "x", {{"Connection", "close"}}));
                socket.socket().close();
                pool.sockets()[0] = target.open_socket(tunnel);
              }
            });
}

void giving_up(ServerSuite& suite) {
  suite.add({"classic/waiting/timed", Level::must, "a visitor for whom no socket comes is told 503 in the end",
             "CLASSIC fault-3"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              Http busy = target.visit();
              busy.send(request("GET", "/", target.host_of(tunnel.id)));
              pool.take();
              Http waiter = target.visit();
              waiter.send(request("GET", "/", target.host_of(tunnel.id)));
              const Message got = waiter.read_answer("GET", in(target.options().waiting));
              REQUIRE(got.status == 503);
              expect(got.has("Retry-After"), "a 503 without Retry-After");
            });
  suite.add({"classic/waiting/bounded", Level::must, "of 400 visitors who wait, the last are told 503 at once",
             "CLASSIC fault-3"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              std::vector<Http> visitors;
              for (unsigned i = 0; i < 400; ++i) {
                visitors.push_back(target.visit(i / 100));
                visitors.back().send(request("GET", "/", target.host_of(tunnel.id)));
              }
              const Deadline deadline = in(4s);
              std::vector<Socket*> all;
              for (Http& each : visitors) all.push_back(&each.socket());
              const int told = first_readable(all, left(deadline));
              expect(told >= 0, "400 visitors wait, and none is told so");
              REQUIRE(visitors[static_cast<std::size_t>(told)].read_answer().status == 503);
            });
  suite.add({"classic/waiting/visitor-leaves", Level::must,
             "a visitor who leaves while he waits takes no socket with him", "CLASSIC pool-count"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              Http first = target.visit();
              first.send(request("GET", "/first", target.host_of(tunnel.id)));
              Http& socket = pool.take().socket;
              Http gone = target.visit();
              gone.send(request("GET", "/gone", target.host_of(tunnel.id)));
              std::this_thread::sleep_for(100ms);
              gone.socket().close();
              std::this_thread::sleep_for(100ms);
              socket.send(answer(200, "first"));
              REQUIRE(first.read_answer().body == "first");
              Http last = target.visit();
              last.send(request("GET", "/last", target.host_of(tunnel.id)));
              // The server may or may not forward the request of the visitor that left; the last one must get through.
              for (int i = 0; i < 2; ++i) {
                if (!pool.sockets()[0].socket().open()) pool.sockets()[0] = target.open_socket(tunnel);
                Pool::Taken taken = pool.take();
                taken.socket.send(answer(200, taken.request.target));
                if (taken.request.target == "/last") break;
              }
              REQUIRE(last.read_answer().body == "/last");
            });
}

void names_without_sockets(ServerSuite& suite) {
  suite.add({"classic/grace/returns", Level::must, "a client that comes back within the grace keeps its tunnel",
             "CLASSIC pool-grace"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              { Pool pool(target, tunnel, 2); }
              std::this_thread::sleep_for(300ms);
              Pool pool(target, tunnel, 1);
              Http visitor = target.visit();
              visitor.send(request("GET", "/", target.host_of(tunnel.id)));
              pool.take().socket.send(answer(200, "back"));
              REQUIRE(visitor.read_answer().body == "back");
            });
  suite.add({"classic/grace/gone", Level::must, "long after its last socket a tunnel's visitors get 404, 502 or 503",
             "CLASSIC pool-grace"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              { Pool pool(target, tunnel, 1); }
              std::this_thread::sleep_for(1500ms);
              Http visitor = target.visit();
              visitor.send(request("GET", "/", target.host_of(tunnel.id)));
              const int status = visitor.read_answer("GET", in(target.options().waiting)).status;
              REQUIRE((status == 404 || status == 502 || status == 503));
            });
  suite.add({"classic/grace/never-claimed", Level::should,
             "a tunnel that nobody connects to gives its port up within 8 s", "CLASSIC pool-grace"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              const Deadline deadline = in(8s);
              while (Clock::now() < deadline) {
                std::this_thread::sleep_for(250ms);
                // Asks for the status, not the port: a connection would claim it.
                const Message got = target.ask("GET", "/api/tunnels/" + tunnel.id + "/status", target.own_host());
                if (got.status == 404) return;
              }
              fail("still there after 8 s");
            });
  suite.add({"classic/grace/name-kept", Level::must, "a stranger does not get a name 1.5 s after its owner dropped",
             "CLASSIC fault-7"},
            [](ServerTarget& target) {
              if (!target.options().at.host.starts_with("127.")) skip("needs a second address");
              const std::string name = target.fresh_name();
              { Pool pool(target, target.create(name), 1); }
              std::this_thread::sleep_for(1500ms);
              const Message got = target.ask("GET", "/" + name, target.own_host(), {}, {}, 7);
              if (got.status == 200) REQUIRE(read_tunnel(got).id != name);
            });
  suite.add({"classic/grace/port-not-shared", Level::must, "a tunnel that is gone leaves no port that feeds another",
             "CLASSIC ports"},
            [](ServerTarget& target) {
              const Tunnel old = target.create();
              { Pool pool(target, old, 1); }
              const Tunnel young = target.create();
              REQUIRE(young.port != old.port);
            });
}

}  // namespace

void add_classic_waiting(ServerSuite& suite) {
  waiting(suite);
  giving_up(suite);
  names_without_sockets(suite);
}

}  // namespace tenfold::conformance
