// WebSocket and other Upgrades through the pool. docs/CLASSIC.md, "upgrade" and faults 4 and 5. The server must not
// interpret the bytes after the 101: the cases use plain lines.
#include "conformance/cases/server_cases.h"

namespace tenfold::conformance {
namespace {

const FieldList websocket = {{"Connection", "Upgrade"},
                             {"Upgrade", "websocket"},
                             {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                             {"Sec-WebSocket-Version", "13"}};
const std::string switching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

// A visitor that asked to upgrade, with `early` in the same write, and the socket that its request came on.
struct Upgrading {
  Tunnel tunnel;
  Pool pool;
  Http visitor;
  Http* app = nullptr;
  Message head;

  explicit Upgrading(ServerTarget& target, const std::string& early = "", const FieldList& fields = websocket)
      : tunnel(target.create()), pool(target, tunnel, 1), visitor(target.visit()) {
    visitor.send(request("GET", "/chat", target.host_of(tunnel.id), fields) + early);
    app = &pool.next_readable();
    head = app->read_head();
  }

  void agree() {
    app->send(switching);
    REQUIRE(visitor.read_head().status == 101);
  }
};

void both_ways(ServerSuite& suite) {
  suite.add({"classic/upgrade/echo", Level::must, "after the 101, bytes flow both ways", "CLASSIC upgrade"},
            [](ServerTarget& target) {
              Upgrading link(target);
              REQUIRE(link.head.lists("Connection", "upgrade"));
              REQUIRE(link.head.field("Upgrade") == "websocket");
              REQUIRE(link.head.field("Sec-WebSocket-Key") == "dGhlIHNhbXBsZSBub25jZQ==");
              link.agree();
              for (const char* text : {"ping 1", "ping 2"}) {
                link.visitor.send(text);
                REQUIRE(link.app->read_exactly(6) == text);
                link.app->send(text);
                REQUIRE(link.visitor.read_exactly(6) == text);
              }
            });
  suite.add({"classic/upgrade/101-fields", Level::must, "the 101's own fields reach the visitor", "CLASSIC upgrade"},
            [](ServerTarget& target) {
              Upgrading link(target);
              link.app->send(switching);
              const Message head = link.visitor.read_head();
              REQUIRE(head.status == 101);
              REQUIRE(head.field("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
              REQUIRE(head.lists("Connection", "upgrade"));
            });
  suite.add({"classic/upgrade/early-visitor", Level::must,
             "bytes sent together with the upgrade head reach the application", "CLASSIC fault-4"},
            [](ServerTarget& target) {
              Upgrading link(target, "early");
              link.agree();
              REQUIRE(link.app->read_exactly(5) == "early");
            });
  suite.add({"classic/upgrade/early-app", Level::must, "bytes sent together with the 101 reach the visitor",
             "CLASSIC upgrade"},
            [](ServerTarget& target) {
              Upgrading link(target);
              link.app->send(switching + "hello");
              REQUIRE(link.visitor.read_head().status == 101);
              REQUIRE(link.visitor.read_exactly(5) == "hello");
            });
  suite.add({"classic/upgrade/before-101", Level::must, "no raw byte reaches the application before its 101",
             "CLASSIC fault-5"},
            [](ServerTarget& target) {
              Upgrading link(target);
              link.visitor.send("GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
              expect(link.app->silent(500ms), "bytes behind the head before the 101");
            });
  suite.add({"classic/upgrade/refused", Level::must, "an answer other than 101 is an HTTP answer with its body",
             "CLASSIC fault-5"},
            [](ServerTarget& target) {
              Upgrading link(target);
              link.app->send(answer(403, "no chat here"));
              const Message got = link.visitor.read_answer();
              REQUIRE(got.status == 403);
              REQUIRE(got.body == "no chat here");
            });
  suite.add({"classic/upgrade/refused-not-raw", Level::must,
             "after an answer other than 101 the visitor's bytes are not passed on raw", "CLASSIC fault-5"},
            [](ServerTarget& target) {
              Upgrading link(target);
              link.app->send(answer(200, "plain"));
              REQUIRE(link.visitor.read_answer().body == "plain");
              try {
                link.visitor.send("raw bytes that are no request\r\n\r\n");
              } catch (const Lost&) {
              }
              bool raw = false;
              if (link.app->socket().readable(700ms)) {
                try {
                  raw = link.app->read_some().find("raw") != std::string::npos;
                } catch (const Lost&) {
                }
              }
              expect(!raw, "the application got them");
            });
  suite.add({"classic/upgrade/unasked-101", Level::must, "a 101 that nobody asked for is a 502, and opens no raw pipe",
             "CLASSIC fault-3"},
            [](ServerTarget& target) {
              const Tunnel tunnel = target.create();
              Pool pool(target, tunnel, 1);
              Http visitor = target.visit();
              visitor.send(request("GET", "/", target.host_of(tunnel.id)));
              pool.take().socket.send(switching);
              const Message got = visitor.read_answer();
              REQUIRE(got.status == 502);
            });
}

void ends(ServerSuite& suite) {
  suite.add({"classic/upgrade/app-ends", Level::must, "the application's end ends the visitor's connection",
             "CLASSIC upgrade"},
            [](ServerTarget& target) {
              Upgrading link(target);
              link.agree();
              link.app->send("last");
              link.app->socket().close();
              REQUIRE(link.visitor.read_exactly(4) == "last");
              link.visitor.wait_for_end();
            });
  suite.add({"classic/upgrade/visitor-ends", Level::must, "the visitor's end ends the application's socket",
             "CLASSIC upgrade"},
            [](ServerTarget& target) {
              Upgrading link(target);
              link.agree();
              link.visitor.send("last");
              link.visitor.socket().close();
              REQUIRE(link.app->read_exactly(4) == "last");
              link.app->wait_for_end();
            });
  suite.add({"classic/upgrade/bulk", Level::must, "2 MB each way at once come whole", "CLASSIC upgrade"},
            [](ServerTarget& target) {
              Upgrading link(target);
              link.agree();
              const std::string up = pattern(2'000'000, 5);
              const std::string down = pattern(2'000'000, 6);
              std::string got_up, got_down;
              std::size_t sent_up = 0, sent_down = 0;
              const Deadline deadline = in(15s);
              while (got_up.size() < up.size() || got_down.size() < down.size()) {
                if (Clock::now() > deadline) throw Timeout("2 MB each way within 15 s");
                sent_up += link.visitor.socket().write_some(std::string_view(up).substr(sent_up, 60000), in(1ms));
                sent_down += link.app->socket().write_some(std::string_view(down).substr(sent_down, 60000), in(1ms));
                while (link.app->socket().readable(0ms)) got_up += link.app->read_some();
                while (link.visitor.socket().readable(0ms)) got_down += link.visitor.read_some();
              }
              expect(got_up == up, "other bytes reached the application");
              expect(got_down == down, "other bytes reached the visitor");
            });
  suite.add({"classic/upgrade/other-protocol", Level::must, "an Upgrade that is no WebSocket works as well",
             "CLASSIC upgrade"},
            [](ServerTarget& target) {
              Upgrading link(target, "", {{"Connection", "Upgrade"}, {"Upgrade", "made-up/7"}});
              REQUIRE(link.head.field("Upgrade") == "made-up/7");
              link.app->send("HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: made-up/7\r\n\r\n");
              REQUIRE(link.visitor.read_head().status == 101);
              link.visitor.send("x");
              REQUIRE(link.app->read_exactly(1) == "x");
            });
  suite.add(
      {"classic/upgrade/h2c", Level::should, "Upgrade: h2c does not reach the application", "CONFORMANCE edge"},
      [](ServerTarget& target) {
        Upgrading link(
            target, "",
            {{"Connection", "Upgrade, HTTP2-Settings"}, {"Upgrade", "h2c"}, {"HTTP2-Settings", "AAMAAABkAAQAAP__"}});
        REQUIRE(!link.head.has("Upgrade"));
      });
  suite.add({"classic/upgrade/not-reused", Level::must, "a socket that was upgraded gets no other request",
             "CLASSIC pool-reuse"},
            [](ServerTarget& target) {
              Upgrading link(target);
              link.agree();
              Http other = target.visit();
              other.send(request("GET", "/other", target.host_of(link.tunnel.id)));
              expect(link.app->silent(500ms), "another visitor's bytes on an upgraded socket");
            });
}

}  // namespace

void add_classic_upgrade(ServerSuite& suite) {
  both_ways(suite);
  ends(suite);
}

}  // namespace tenfold::conformance
