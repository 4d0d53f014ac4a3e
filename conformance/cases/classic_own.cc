// Cases that start their own servers by --command: other pool sizes, and how a server stops. docs/CLASSIC.md, faults 1
// and 6.
#include <signal.h>

#include <thread>

#include "conformance/cases/server_cases.h"

namespace tenfold::conformance {
namespace {

void pool_sizes(ServerSuite& suite) {
  suite.add({"classic/max-conn/1", Level::must,
             "with one socket allowed, a second takes no request while the first is busy", "CLASSIC fault-1"},
            [](ServerTarget& target) {
              OwnServer own = target.launch(1);
              const Tunnel tunnel = own.target.create();
              REQUIRE(tunnel.max_conn_count == 1);
              Pool pool(own.target, tunnel, 1);
              std::this_thread::sleep_for(100ms);
              Http second = own.target.open_socket(tunnel);
              Http one = own.target.visit();
              Http two = own.target.visit();
              one.send(request("GET", "/1", own.target.host_of(tunnel.id)));
              pool.take();
              two.send(request("GET", "/2", own.target.host_of(tunnel.id)));
              bool used = false;
              if (second.socket().readable(500ms)) {
                try {
                  used = !second.read_some().empty();
                } catch (const Lost&) {
                }
              }
              expect(!used, "the second socket got a request");
            });
  for (const unsigned count : {10u, 64u}) {
    suite.add({"classic/max-conn/" + std::to_string(count), Level::must,
               std::to_string(count) + " sockets allowed: so many stay open, and all serve at once", "CLASSIC fault-1"},
              [count](ServerTarget& target) {
                OwnServer own = target.launch(count);
                const Tunnel tunnel = own.target.create();
                REQUIRE(tunnel.max_conn_count == count);
                Pool pool(own.target, tunnel, count);
                expect(pool.silent(300ms), "the server closed a socket that it allows");
                std::vector<Http> visitors;
                for (unsigned i = 0; i < count; ++i) {
                  visitors.push_back(own.target.visit());
                  visitors.back().send(request("GET", "/" + std::to_string(i), own.target.host_of(tunnel.id)));
                }
                std::vector<Pool::Taken> taken;
                for (unsigned i = 0; i < count; ++i) taken.push_back(pool.take());
                for (Pool::Taken& each : taken) each.socket.send(answer(200, each.request.target));
                for (unsigned i = 0; i < count; ++i) REQUIRE(visitors[i].read_answer().body == "/" + std::to_string(i));
              });
  }
}

void stops(ServerSuite& suite) {
  suite.add({"classic/stop/finishes", Level::must, "SIGTERM: the answer that runs is finished, then exit 0",
             "CLASSIC fault-6"},
            [](ServerTarget& target) {
              OwnServer own = target.launch();
              const Tunnel tunnel = own.target.create();
              Pool pool(own.target, tunnel, 1);
              Http visitor = own.target.visit();
              visitor.send(request("GET", "/", own.target.host_of(tunnel.id)));
              Http& socket = pool.take().socket;
              socket.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
              visitor.read_head();
              own.process->signal(SIGTERM);
              std::this_thread::sleep_for(300ms);
              socket.send("half");
              REQUIRE(visitor.read_exactly(8) == "halfhalf");
              const auto code = own.process->wait(5s);
              expect(code.has_value(), "it still runs 5 s after its last answer");
              REQUIRE(*code == 0);
            });
  suite.add(
      {"classic/stop/accepts-no-more", Level::must, "after SIGTERM no new visitor is taken in", "CLASSIC fault-6"},
      [](ServerTarget& target) {
        OwnServer own = target.launch();
        const Tunnel tunnel = own.target.create();
        Pool pool(own.target, tunnel, 1);
        Http visitor = own.target.visit();
        visitor.send(request("GET", "/", own.target.host_of(tunnel.id)));
        Http& socket = pool.take().socket;
        own.process->signal(SIGTERM);
        std::this_thread::sleep_for(300ms);
        bool served = true;
        try {
          Http late = own.target.visit();
          late.send(request("GET", "/late", own.target.host_of(tunnel.id)));
          served = late.read_answer("GET", in(1s)).status < 500;
        } catch (const Failure&) {
          served = false;
        }
        expect(!served, "a new visitor was served");
        socket.send(answer(200, "done"));
        REQUIRE(visitor.read_answer().body == "done");
      });
  suite.add({"classic/stop/second-signal", Level::should, "a second SIGTERM ends it at once", "CLASSIC fault-6"},
            [](ServerTarget& target) {
              OwnServer own = target.launch();
              const Tunnel tunnel = own.target.create();
              Pool pool(own.target, tunnel, 1);
              Http visitor = own.target.visit();
              visitor.send(request("GET", "/", own.target.host_of(tunnel.id)));
              pool.take();
              own.process->signal(SIGTERM);
              std::this_thread::sleep_for(200ms);
              own.process->signal(SIGTERM);
              expect(own.process->wait(2s).has_value(), "it still runs 2 s after the second signal");
            });
  suite.add({"classic/stop/idle", Level::must, "SIGTERM with nothing to finish: exit 0 within 3 s", "CLASSIC fault-6"},
            [](ServerTarget& target) {
              OwnServer own = target.launch();
              Pool pool(own.target, own.target.create(), 2);
              Http idle = own.target.visit();
              own.process->signal(SIGTERM);
              const auto code = own.process->wait(3s);
              expect(code.has_value(), "it still runs");
              REQUIRE(*code == 0);
            });
}

}  // namespace

void add_classic_own(ServerSuite& suite) {
  pool_sizes(suite);
  stops(suite);
}

}  // namespace tenfold::conformance
