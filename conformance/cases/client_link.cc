// A client of tenfold/1: its request, its reaction to refusals, and the link's lifetime. docs/PROTOCOL.md, "Handshake",
// "Control" and "Life".
#include <signal.h>

#include <thread>

#include "conformance/cases/agent_link.h"
#include "conformance/cases/client_cases.h"

namespace tenfold::conformance {
namespace {

void handshakes(ClientSuite& suite) {
  constexpr const char* where = "PROTOCOL Handshake";
  suite.add(
      {"client-mux/ask/upgrade", Level::must, "asks with GET /?new, Connection: Upgrade and Upgrade: tenfold/1", where},
      [](ClientTarget& target) {
        ClientRun run(target);
        const Message got = run.take_ask().request;
        REQUIRE(got.method == "GET");
        REQUIRE(got.target == "/?new");
        REQUIRE(got.has("Host"));
        REQUIRE(got.lists("Connection", "upgrade"));
        REQUIRE(got.lists("Upgrade", "tenfold/1"));
      });
  suite.add({"client-mux/ask/name", Level::must, "--subdomain NAME asks with GET /NAME", where},
            [](ClientTarget& target) {
              ClientRun run(target, {.flags = "--subdomain green-frog"});
              REQUIRE(run.take_ask().request.target == "/green-frog");
            });
  suite.add({"client-mux/ask/waits", Level::must, "sends nothing behind its request before the answer", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              ClientRun::Ask ask = run.take_ask();
              expect(ask.connection.silent(700ms), "bytes behind the request, or an end");
            });
  suite.add({"client-mux/ask/url", Level::must, "prints the URL that Registered brings", "PROTOCOL Control"},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              expect(run.process->says(run.url(), 5s), run.process->output());
            });
  const std::vector<std::tuple<int, const char*, const char*>> refusals = {
      {400, "bad-request", "what is this"},    {401, "unauthorized", "a token is wanted"},
      {403, "bad-name", "not a name"},         {403, "forbidden", "not yours"},
      {409, "name-taken", "in use elsewhere"}, {418, "teapot", "short and stout"}};
  for (const auto& [status, code, message] : refusals) {
    suite.add({std::string("client-mux/refused/") + code, Level::must,
               std::string(code) + ": shows the message, and does not ask on", where},
              [status = status, code = std::string(code), message = std::string(message)](ClientTarget& target) {
                ClientRun run(target);
                ClientRun::Ask ask = run.take_ask();
                answer_and_close(ask, status, "{\"message\":\"" + message + "\",\"code\":\"" + code + "\"}",
                                 {{"Content-Type", "application/json"}});
                expect(run.process->says(message, 5s), "the message is not shown: " + run.process->output());
                expect(!run.server.pending(1500ms), "asked again");
              });
  }
  const std::vector<std::pair<int, const char*>> passing = {
      {429, "rate"}, {429, "limit"}, {503, "draining"}, {500, "made-up"}};
  for (const auto& [status, code] : passing) {
    suite.add({std::string("client-mux/refused/") + code, Level::must,
               std::string(code) + ": asks again, not before Retry-After", where},
              [status = status, code = std::string(code)](ClientTarget& target) {
                ClientRun run(target);
                ClientRun::Ask ask = run.take_ask();
                answer_and_close(ask, status, "{\"message\":\"later\",\"code\":\"" + code + "\"}",
                                 {{"Content-Type", "application/json"}, {"Retry-After", "2"}});
                expect(!run.server.pending(1700ms), "too early");
                ClientRun::Ask again = run.take_ask(in(20s));
                REQUIRE(again.request.lists("Upgrade", "tenfold/1"));
              });
  }
}

void beginnings(ClientSuite& suite) {
  suite.add({"client-mux/start/settings", Level::must,
             "its first frame is SETTINGS, with room for 100 streams at least", "PROTOCOL HTTP/2"},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              REQUIRE(link.peer->first_frame() == FrameType::settings);
              REQUIRE(link.peer->peer_setting(setting::max_concurrent_streams, 0x7fffffff) >= 100);
            });
  suite.add({"client-mux/start/ack", Level::must, "the broker's SETTINGS are acknowledged", "PROTOCOL HTTP/2"},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              link.peer->wait_until([&] { return link.peer->settings_acked(); }, "the acknowledgement");
            });
  suite.add(
      {"client-mux/start/hello", Level::must, "its first control message is Hello, version 1", "PROTOCOL Control"},
      [](ClientTarget& target) {
        ClientRun run(target);
        BrokerLink link(run);
        const control::ControlMessage message = link.peer->next_control();
        REQUIRE(message.has_hello());
        REQUIRE(message.hello().version() == 1);
      });
  suite.add({"client-mux/start/no-preface", Level::must, "a broker that sends no HTTP/2 preface is hung up on",
             "PROTOCOL HTTP/2"},
            [](ClientTarget& target) {
              ClientRun run(target);
              ClientRun::Ask ask = run.take_ask();
              ask.connection.send(
                  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n\r\nGET / "
                  "HTTP/1.1\r\nHost: x\r\n\r\n" +
                  std::string(100, 'x'));
              ask.connection.wait_for_end();
            });
}

void controls(ClientSuite& suite) {
  constexpr const char* where = "PROTOCOL Control";
  const std::vector<std::pair<const char*, std::string>> fine = {
      {"unknown-kind", control_wire("\xca\x3e\x03"
                                    "abc")},
      {"unknown-field", control_wire(std::string("\x2a\x09\x0a\x02hi\xca\x3e\x02xy", 11))},  // Notice{text, field 1001}
      {"empty", std::string(3, '\0')}};
  for (const auto& [id, bytes] : fine) {
    suite.add({std::string("client-mux/control/") + id, Level::must,
               std::string("a message with something unknown (") + id + ") is skipped", where},
              [bytes = bytes](ClientTarget& target) {
                ClientRun run(target);
                BrokerLink link(run);
                for (const char c : bytes) link.peer->send_data(1, std::string(1, c));
                link.expect_works(run);
              });
  }
  const std::vector<std::pair<const char*, std::string>> broken = {
      {"oversize", varint(65537) + "x"},
      {"long-length", std::string("\x80\x80\x80\x80\x80\x80\x01")},
      {"no-protobuf", control_wire("\xff\xff\xff\xff")}};
  for (const auto& [id, bytes] : broken) {
    suite.add({std::string("client-mux/control/") + id, Level::must,
               std::string("a broken message (") + id + ") ends the link; it dials again", where},
              [bytes = bytes](ClientTarget& target) {
                ClientRun run(target);
                BrokerLink link(run);
                link.peer->send_data(1, bytes);
                link.peer->wait_for_failure();
                run.take_ask(in(20s));
              });
  }
  suite.add({"client-mux/control/notice", Level::should, "a Notice's control characters do not reach the terminal",
             "PROTOCOL Limits and safety"},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              control::ControlMessage message;
              message.mutable_notice()->set_text("mind\x1b[2J the\x07 gap");
              link.peer->send_control(message);
              link.peer->ping();
              std::this_thread::sleep_for(200ms);
              expect(run.process->output().find_first_of("\x1b\x07") == std::string::npos, "they do");
            });
}

void life(ClientSuite& suite) {
  constexpr const char* where = "PROTOCOL Life";
  suite.add({"client-mux/life/pong", Level::must, "PING is answered at once", where}, [](ClientTarget& target) {
    ClientRun run(target);
    BrokerLink link(run);
    link.peer->ping(in(1s));
  });
  suite.add({"client-mux/life/ping", Level::should, "it sends a PING within 8 s", where}, [](ClientTarget& target) {
    ClientRun run(target);
    BrokerLink link(run);
    link.peer->wait_until([&] { return link.peer->pings_seen() > 0; }, "a PING", in(8s));
  });
  suite.add(
      {"client-mux/life/dead", Level::should, "a broker that is silent is given up; it dials again within 30 s", where},
      [](ClientTarget& target) {
        ClientRun run(target);
        BrokerLink link(run);
        run.take_ask(in(30s));  // the link is not read meanwhile, so no PING is answered
      });
  for (const char* how : {"reset", "closed", "goaway"}) {
    suite.add({std::string("client-mux/life/resume-") + how, Level::must,
               std::string("a link lost (") + how + "): dials again for the same name with its resume token", where},
              [how = std::string(how)](ClientTarget& target) {
                ClientRun run(target);
                BrokerLink link(run);
                link.expect_works(run);
                if (how == "goaway") {
                  link.peer->send({FrameType::goaway, 0, 0, u32(0) + u32(h2_error::internal_error)});
                  link.peer->settle(100ms);
                }
                if (how == "reset") link.peer->transport().socket().reset();
                link.peer->transport().socket().close();
                BrokerLink again(run.take_ask(in(20s)));
                REQUIRE(again.asked.target == "/" + std::string(ClientRun::name));
                REQUIRE(again.asked.field("Tenfold-Resume") == base64url(BrokerLink::token));
                again.expect_works(run);
              });
  }
  suite.add({"client-mux/life/drain", Level::must,
             "Drain: dials a second link at once while the first one's streams go on", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink old(run);
              auto [id, app] = old.open_to(run);
              control::ControlMessage message;
              message.mutable_drain()->set_deadline_ms(10000);
              old.peer->send_control(message);
              old.peer->settle(10ms);
              BrokerLink young(run.take_ask(in(10s)));
              REQUIRE(young.asked.field("Tenfold-Resume") == base64url(BrokerLink::token));
              old.peer->send_data(id, "still");
              REQUIRE(app.read_exactly(5) == "still");
              app.send("here");
              REQUIRE(old.peer->take_bytes(id, 4) == "here");
              young.expect_works(run);
            });
  suite.add({"client-mux/life/goaway", Level::must, "GOAWAY NO_ERROR: what runs goes on", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              auto [id, app] = link.open_to(run);
              link.peer->send({FrameType::goaway, 0, 0, u32(0) + u32(h2_error::no_error)});
              link.peer->settle(100ms);
              app.send("still");
              REQUIRE(link.peer->take_bytes(id, 5) == "still");
            });
  suite.add(
      {"client-mux/life/backoff", Level::must, "links that end at once are dialled at most 40 times in 4 s", where},
      [](ClientTarget& target) {
        ClientRun run(target);
        run.take_ask();
        int dialled = 0;
        for (const Deadline end = in(4s); Clock::now() < end;) {
          if (!run.server.pending(left(end))) break;
          ClientRun::Ask ask = run.take_ask();
          ask.connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n\r\n");
          ask.connection.socket().close();
          ++dialled;
        }
        expect(dialled <= 40, std::to_string(dialled) + " times");
      });
  suite.add({"client-mux/life/goodbye", Level::should, "SIGTERM: Goodbye, then it ends within 5 s", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              run.process->says("url", 3s);
              run.process->signal(SIGTERM);
              const Deadline deadline = in(patience);
              while (!link.peer->next_control(deadline).has_goodbye()) {
              }
              link.peer->settle(100ms);
              expect(run.process->wait(5s).has_value(), "it still runs");
            });
}

}  // namespace

void add_client_link(ClientSuite& suite) {
  handshakes(suite);
  beginnings(suite);
  controls(suite);
  life(suite);
}

}  // namespace tenfold::conformance
