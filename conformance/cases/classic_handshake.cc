// The classic handshake of a server: the JSON, the status pages, the refusals. docs/CLASSIC.md, "Handshake".
#include <nlohmann/json.hpp>

#include "conformance/cases/server_cases.h"

namespace tenfold::conformance {
namespace {

// Fails the case unless this pool serves a visitor of this tunnel.
void expect_served(ServerTarget& target, const Tunnel& tunnel, const std::string& host) {
  Pool pool(target, tunnel, 1);
  Http visitor = target.visit();
  visitor.send(request("GET", "/here", host));
  auto [socket, asked] = pool.take();
  REQUIRE(asked.target == "/here");
  socket.send(answer(200, "served"));
  REQUIRE(visitor.read_answer().body == "served");
}

void answers_and_json(ServerSuite& suite) {
  suite.add({"classic/handshake/new", Level::must, "GET /?new gives 200 and JSON with id, port, max_conn_count and url",
             "CLASSIC handshake-new"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              REQUIRE(!tunnel.id.empty());
              expect(tunnel.url.find(tunnel.id) != std::string::npos, "the url does not name the id: " + tunnel.url);
            });
  suite.add({"classic/handshake/content-type", Level::must, "the handshake's answer is application/json",
             "CLASSIC handshake-new"},
            [](ServerTarget& target) {
              const Message got = target.ask("GET", "/?new", target.own_host(), target.credentials());
              REQUIRE(got.field("Content-Type").starts_with("application/json"));
            });
  suite.add({"classic/handshake/new-differ", Level::must, "two GET /?new give two ids and two ports",
             "CLASSIC handshake-new"},
            [](ServerTarget& target) {
              const Tunnel first = target.create();
              const Tunnel second = target.create();
              REQUIRE(first.id != second.id);
              REQUIRE(first.port != second.port);
            });
  suite.add({"classic/handshake/url", Level::must, "url is http or https, ID.DOMAIN", "CLASSIC handshake-new"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              const std::string authority = tunnel.url.substr(tunnel.url.find("://") + 3);
              REQUIRE((tunnel.url.starts_with("http://") || tunnel.url.starts_with("https://")));
              REQUIRE(authority.starts_with(tunnel.id + "." + target.options().domain));
            });
  suite.add(
      {"classic/handshake/new-value", Level::should, "the key `new` counts whatever its value",
       "CLASSIC handshake-new"},
      [](ServerTarget& target) { read_tunnel(target.ask("GET", "/?new=1", target.own_host(), target.credentials())); });
  suite.add({"classic/handshake/name", Level::must, "GET /NAME gives that name", "CLASSIC handshake-name"},
            [](ServerTarget& target) {
              const std::string name = target.fresh_name();
              const Tunnel tunnel = target.create(name);
              REQUIRE(tunnel.id == name);
              expect_served(target, tunnel, target.host_of(name));
            });
  suite.add(
      {"classic/handshake/name-query", Level::should, "a query behind NAME changes nothing", "CLASSIC handshake-name"},
      [](ServerTarget& target) {
        const std::string name = target.fresh_name();
        REQUIRE(read_tunnel(target.ask("GET", "/" + name + "?x=1", target.own_host(), target.credentials())).id ==
                name);
      });
  suite.add({"classic/handshake/taken", Level::must, "a taken name silently becomes another id, and its owner keeps it",
             "CLASSIC handshake-taken"},
            [](ServerTarget& target) {
              const std::string name = target.fresh_name();
              const Tunnel owner = target.create(name);
              Pool pool(target, owner, 1);
              const Tunnel other = target.create(name, 1);
              REQUIRE(other.id != name);
              REQUIRE(!other.id.empty());
              Http visitor = target.visit();
              visitor.send(request("GET", "/mine", target.host_of(name)));
              auto [socket, asked] = pool.take();
              socket.send(answer(200, "mine"));
              REQUIRE(visitor.read_answer().body == "mine");
            });
  suite.add(
      {"classic/handshake/keep-alive", Level::should, "two handshakes go over one connection", "CLASSIC handshake-new"},
      [](ServerTarget& target) {
        Http client = target.visit();
        for (int i = 0; i < 2; ++i) {
          client.send(request("GET", "/?new", target.own_host(), target.credentials()));
          read_tunnel(client.read_answer());
        }
      });
  suite.add(
      {"classic/handshake/host-case", Level::must, "a tunnel's host counts whatever its case", "CLASSIC own-domain"},
      [](ServerTarget& target) {
        const Tunnel tunnel = target.create();
        std::string host = target.host_of(tunnel.id);
        std::transform(host.begin(), host.end(), host.begin(), [](unsigned char c) { return std::toupper(c); });
        expect_served(target, tunnel, host);
      });
  suite.add({"classic/handshake/host-port", Level::must, "a port in Host does not count", "CLASSIC own-domain"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              expect_served(target, tunnel, tunnel.id + "." + target.options().domain + ":1");
            });
}

void pages(ServerSuite& suite) {
  suite.add({"classic/handshake/layers", Level::must, "/foo/bar is 404 and makes nothing", "CLASSIC handshake-layers"},
            [](ServerTarget& target) { REQUIRE(target.ask("GET", "/foobar/bar", target.own_host()).status == 404); });
  suite.add({"classic/handshake/slash", Level::should, "/NAME/ is 404", "CLASSIC handshake-layers"},
            [](ServerTarget& target) { REQUIRE(target.ask("GET", "/foobar/", target.own_host()).status == 404); });
  suite.add({"classic/pages/landing", Level::must, "GET / is a redirect with a Location, or a page", "CLASSIC landing"},
            [](ServerTarget& target) {
              const Message got = target.ask("GET", "/", target.own_host());
              const bool page = got.status == 200 && !got.body.empty();
              const bool redirect = got.status == 302 && !got.field("Location").empty();
              expect(page || redirect, "neither: " + got.first_line);
            });
  suite.add({"classic/pages/status", Level::must, "GET /api/status is JSON with a number of tunnels that grows",
             "CLASSIC status-server"},
            [](ServerTarget& target) {
              target.create();
              const Message got = target.ask("GET", "/api/status", target.own_host());
              const auto json = nlohmann::json::parse(got.body, nullptr, false);
              REQUIRE(got.status == 200);
              REQUIRE(json.is_object());
              REQUIRE(json.value("tunnels", 0) >= 1);
              REQUIRE(json.contains("mem"));
            });
  suite.add({"classic/pages/tunnel-status", Level::must, "connected_sockets counts the pool's sockets",
             "CLASSIC status-tunnel"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              const unsigned count = std::min(3u, tunnel.max_conn_count);
              Pool pool(target, tunnel, count);
              const Deadline deadline = in(patience);
              while (target.connected_sockets(tunnel) != count && Clock::now() < deadline) {
              }
              REQUIRE(target.connected_sockets(tunnel) == count);
            });
  suite.add(
      {"classic/pages/unknown-tunnel-status", Level::must, "the status of an unknown id is 404",
       "CLASSIC status-tunnel"},
      [](ServerTarget& target) {
        REQUIRE(target.ask("GET", "/api/tunnels/" + target.fresh_name() + "/status", target.own_host()).status == 404);
      });
}

void unknown_hosts(ServerSuite& suite) {
  suite.add({"classic/pages/unknown-host", Level::must, "a host without a tunnel is 404", "CLASSIC unknown-host"},
            [](ServerTarget& target) {
              const Message got = target.ask("GET", "/", target.host_of(target.fresh_name()));
              REQUIRE(got.status == 404);
            });
  suite.add(
      {"classic/pages/unknown-host-body", Level::should,
       "... with the body 404, or a sentence that begins so, where nothing else is asked for", "CLASSIC unknown-host"},
      [](ServerTarget& target) {
        const std::string body = target.ask("GET", "/", target.host_of(target.fresh_name())).body;
        REQUIRE((body == "404" || body.starts_with("404 ")));
      });
  suite.add({"classic/pages/no-host", Level::must, "a request without a Host is 400", "CLASSIC no-host"},
            [](ServerTarget& target) {
              Http visitor = target.visit();
              visitor.send("GET / HTTP/1.1\r\n\r\n");
              REQUIRE(visitor.read_answer().status == 400);
            });
  suite.add({"classic/pages/prototype-host", Level::must, "Host constructor.DOMAIN and the like is 404 at once",
             "CLASSIC fault-2"},
            [](ServerTarget& target) {
              for (const char* name : {"constructor", "tostring", "hasownproperty", "__proto__", "valueof"}) {
                INFO(name);
                const Message got = target.ask("GET", "/", target.host_of(name));
                REQUIRE((got.status == 404 || got.status == 400 || got.status == 421));
              }
            });
  suite.add({"classic/pages/own-domain-upgrade", Level::must,
             "an Upgrade on the own domain that nobody knows does not hang", "CLASSIC fault-upgrade-silence"},
            [](ServerTarget& target) {
              Http client = target.visit();
              client.send(request("GET", "/", target.own_host(), {{"Connection", "Upgrade"}, {"Upgrade", "nonsense"}}));
              expect(client.socket().readable(patience), "neither an answer nor an end in time");
            });
  suite.add({"classic/pages/unknown-host-upgrade", Level::should,
             "an Upgrade for an unknown tunnel gets an HTTP answer", "CLASSIC fault-upgrade-silence"},
            [](ServerTarget& target) {
              const Message got = target.ask("GET", "/", target.host_of(target.fresh_name()),
                                             {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}});
              REQUIRE(got.status == 404);
            });
}

void refusals(ServerSuite& suite) {
  for (const char* method : {"HEAD", "POST"}) {
    suite.add({std::string("classic/handshake/not-by-") + method, Level::should,
               std::string(method) + " /NAME makes no tunnel", "CLASSIC fault-head-creates"},
              [method](ServerTarget& target) {
                const std::string name = target.fresh_name();
                target.ask(method, "/" + name, target.own_host(), target.credentials());
                REQUIRE(target.ask("GET", "/api/tunnels/" + name + "/status", target.own_host()).status == 404);
              });
  }
  suite.add({"classic/handshake/rate", Level::must,
             "GET /?new without end from one address is stopped by 429 with Retry-After", "CLASSIC fault-8"},
            [](ServerTarget& target) {
              if (!target.options().token.empty()) skip("a token lifts the limits");
              if (!target.options().at.host.starts_with("127."))
                skip("would use up this address's share of the server");
              for (int i = 0; i < 300; ++i) {
                const Message got = target.ask("GET", "/?new", target.own_host(), {}, {}, 5);
                if (got.status == 200) continue;
                REQUIRE(got.status == 429);
                REQUIRE(got.has("Retry-After"));
                return;
              }
              fail("300 tunnels for one address");
            });
}

}  // namespace

void add_classic_handshake(ServerSuite& suite) {
  answers_and_json(suite);
  pages(suite);
  unknown_hosts(suite);
  refusals(suite);
}

}  // namespace tenfold::conformance
