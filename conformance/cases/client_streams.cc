// A client of tenfold/1: streams to the local application, their ends, their windows. docs/PROTOCOL.md, "Streams" and
// "Flow control".
#include <algorithm>
#include <thread>

#include "conformance/cases/client_cases.h"

namespace tenfold::conformance {
namespace {

void opening(ClientSuite& suite) {
  constexpr const char* where = "PROTOCOL Streams";
  suite.add({"client-mux/stream/pipe", Level::must, "a stream is a connection to the application: 200, bytes both ways",
             where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              link.expect_works(run);
            });
  suite.add({"client-mux/stream/no-peer", Level::must, "tenfold-peer may be left out", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              const std::uint32_t id = link.open({});
              link.peer->send_data(id, "x");
              Http app = run.accept_app();
              REQUIRE(app.read_exactly(1) == "x");
            });
  suite.add({"client-mux/stream/early-data", Level::must, "64 KB sent before the answer reach the application", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              const std::string bytes = pattern(60'000);
              const std::uint32_t id = link.open();
              link.peer->send_what_fits(id, bytes);
              Http app = run.accept_app();
              expect(app.read_exactly(bytes.size()) == bytes, "other bytes");
            });
  suite.add({"client-mux/stream/refused", Level::must,
             "with the application down: 502, tenfold-cause refused, END_STREAM", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.app.close();
              BrokerLink link(run);
              const std::uint32_t id = link.open();
              link.peer->send_what_fits(id, "GET / HTTP/1.1\r\n\r\n");
              link.peer->wait_until([&] { return link.peer->stream(id).has_head; }, "an answer");
              REQUIRE(link.peer->stream(id).field(":status") == "502");
              REQUIRE(link.peer->stream(id).field("tenfold-cause") == "refused");
              link.peer->wait_until([&] { return link.peer->stream(id).over(); }, "END_STREAM");
              run.app.listen_again();
              link.expect_works(run);
            });
}

void refusals(ClientSuite& suite) {
  constexpr const char* where = "PROTOCOL Streams";
  suite.add(
      {"client-mux/stream/other-name", Level::must, "a name that it does not serve: RST_STREAM REFUSED_STREAM", where},
      [](ClientTarget& target) {
        ClientRun run(target);
        BrokerLink link(run);
        const std::uint32_t id = link.peer->open("somebody-else");
        link.peer->wait_until([&] { return link.peer->stream(id).over(); }, "RST_STREAM");
        REQUIRE(link.peer->stream(id).reset.value_or(99) == h2_error::refused_stream);
        link.expect_works(run);
      });
  suite.add({"client-mux/stream/steered", Level::must, "an authority that is an address is not dialled",
             "PROTOCOL Limits and safety"},
            [](ClientTarget& target) {
              Listener victim;
              ClientRun run(target);
              BrokerLink link(run);
              const std::uint32_t id = link.peer->open("127.0.0.1:" + std::to_string(victim.port()));
              link.peer->wait_until([&] { return link.peer->stream(id).over(); }, "RST_STREAM");
              expect(!victim.pending(200ms), "it was dialled");
            });
  suite.add({"client-mux/stream/no-connect", Level::must, "a request other than CONNECT is reset, and dials nothing",
             "PROTOCOL HTTP/2"},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              link.peer->open("first");  // takes id 3
              const std::uint32_t id = 5;
              link.peer->stream(id).opened = true;
              link.peer->send_head(
                  id, {{":method", "GET"}, {":scheme", "http"}, {":authority", ClientRun::name}, {":path", "/"}});
              link.peer->wait_until(
                  [&] { return link.peer->stream(id).reset || link.peer->goaway() || link.peer->ended(); },
                  "RST_STREAM");
              expect(!run.app.pending(200ms), "the application was dialled");
            });
}

void many_streams(ClientSuite& suite) {
  constexpr const char* where = "PROTOCOL Streams";
  suite.add({"client-mux/stream/many", Level::must,
             "as many streams at once as its SETTINGS allow, at most 1,000, each its own connection", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              const std::uint32_t allowed = link.peer->peer_setting(setting::max_concurrent_streams, 1001);
              expect(allowed >= 100, "only " + std::to_string(allowed) + " are allowed");
              const std::uint32_t count = std::min(1000U, allowed - 1);  // the control stream counts
              std::vector<std::uint32_t> ids;
              for (std::uint32_t i = 0; i < count; ++i) {
                ids.push_back(link.open());
                link.peer->send_data(ids.back(), "n" + std::to_string(1000 + i));
              }
              std::vector<Http> apps;
              for (std::uint32_t i = 0; i < count; ++i) apps.push_back(run.accept_app(in(20s)));
              for (Http& app : apps) app.send(app.read_exactly(5, in(20s)));
              for (std::uint32_t i = 0; i < count; ++i)
                REQUIRE(link.peer->take_bytes(ids[i], 5, in(20s)) == "n" + std::to_string(1000 + i));
            });
  suite.add({"client-mux/stream/many-turns", Level::must,
             "1,200 streams that are cancelled at once do not end the link", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              for (int i = 0; i < 1200; ++i) link.peer->reset(link.open(), h2_error::cancel);
              link.peer->settle(500ms);
              while (run.app.pending(100ms)) run.accept_app();
              link.expect_works(run);
            });
}

void ends(ClientSuite& suite) {
  constexpr const char* where = "PROTOCOL Streams";
  suite.add({"client-mux/end/broker-fin", Level::must, "END_STREAM is a FIN to the application; the other way goes on",
             where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              auto [id, app] = link.open_to(run);
              link.peer->send_data(id, "last", true);
              REQUIRE(app.read_to_end() == "last");
              app.send("still");
              REQUIRE(link.peer->take_bytes(id, 5) == "still");
            });
  suite.add(
      {"client-mux/end/app-fin", Level::must, "the application's FIN is END_STREAM; the other way goes on", where},
      [](ClientTarget& target) {
        ClientRun run(target);
        BrokerLink link(run);
        auto [id, app] = link.open_to(run);
        const std::uint32_t stream = id;
        app.send("last");
        app.socket().finish();
        REQUIRE(link.peer->take_bytes(id, 4) == "last");
        link.peer->wait_until([&] { return link.peer->stream(stream).ended; }, "END_STREAM");
        link.peer->send_data(id, "still", true);
        REQUIRE(app.read_to_end() == "still");
      });
  suite.add({"client-mux/end/cancel", Level::must, "RST_STREAM CANCEL ends the application's connection", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              auto [id, app] = link.open_to(run);
              link.peer->reset(id, h2_error::cancel);
              app.wait_for_end();
              link.expect_works(run);
            });
  suite.add({"client-mux/end/app-reset", Level::must, "the application's reset is RST_STREAM CONNECT_ERROR", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              auto [id, app] = link.open_to(run);
              const std::uint32_t stream = id;
              app.socket().reset();
              link.peer->wait_until([&] { return link.peer->stream(stream).over(); }, "RST_STREAM");
              REQUIRE(link.peer->stream(stream).reset.value_or(99) == h2_error::connect_error);
              link.expect_works(run);
            });
  suite.add({"client-mux/end/lost-link", Level::must, "a lost link ends the application's connections", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              auto [id, app] = link.open_to(run);
              link.peer->transport().socket().reset();
              app.wait_for_end();
            });
  suite.add({"client-mux/end/empty", Level::must, "a stream without a byte each way ends in order", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              auto [id, app] = link.open_to(run);
              const std::uint32_t stream = id;
              link.peer->send_data(id, "", true);
              app.wait_for_end();
              app.socket().close();
              link.peer->wait_until([&] { return link.peer->stream(stream).over(); }, "END_STREAM");
            });
}

void flow(ClientSuite& suite) {
  constexpr const char* where = "PROTOCOL Flow control";
  suite.add({"client-mux/flow/bulk-in", Level::must, "3 MB for the application come whole", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              auto [id, app] = link.open_to(run);
              const std::string bytes = pattern(3'000'000);
              std::string got;
              std::jthread reader([&got, &app = app] {
                try {
                  got = app.read_to_end(in(15s));
                } catch (const Failure&) {
                }
              });
              link.peer->send_data(id, bytes, true, in(15s));
              reader.join();
              expect(got == bytes, "other bytes");
            });
  suite.add(
      {"client-mux/flow/bulk-out", Level::must, "3 MB of the application's come whole, within the windows", where},
      [](ClientTarget& target) {
        ClientRun run(target);
        BrokerLink link(run);
        auto [id, app] = link.open_to(run);
        const std::string bytes = pattern(3'000'000);
        std::jthread writer([&bytes, &app = app] {
          try {
            app.send(bytes, in(15s));
          } catch (const Failure&) {
          }
        });
        expect(link.peer->take_bytes(id, bytes.size(), in(15s)) == bytes, "other bytes");
      });
  suite.add({"client-mux/flow/stalled-app", Level::must, "an application that does not read stops its own stream alone",
             where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              auto [id, app] = link.open_to(run);
              std::size_t sent = 0;
              const std::string bulk(262144, 'b');
              for (Deadline quiet = in(500ms); Clock::now() < quiet && sent < 80'000'000;) {
                const std::size_t n = link.peer->send_what_fits(id, bulk);
                sent += n;
                if (n > 0) quiet = in(500ms);
                link.peer->settle(5ms);
              }
              expect(sent < 60'000'000, "60 MB taken for an application that reads nothing");
              REQUIRE(link.peer->connection_send_window() > 0);
              link.expect_works(run);
            });
  suite.add({"client-mux/flow/stalled-broker", Level::must, "a stream without credit stops no other", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              auto [id, app] = link.open_to(run);
              const std::uint32_t stream = id;
              link.peer->habits.credit_streams = false;
              app.socket().write_some(std::string(2'000'000, 's'), in(300ms));
              link.peer->wait_until([&] { return link.peer->stream(stream).received == 262144; },
                                    "the whole window of it");
              link.peer->settle(200ms);  // an overrun of the window fails the case
              link.expect_works(run);
            });
  suite.add({"client-mux/flow/after-resets", Level::must,
             "bytes of cancelled streams give their connection credit back", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              BrokerLink link(run);
              link.peer->ping();
              const std::int64_t whole = link.peer->connection_send_window();
              // 40 MB: more than a window that leaks can carry, but not one that is refilled by halves.
              for (int i = 0; i < 200; ++i) {
                const std::uint32_t id = link.open();
                link.peer->send_what_fits(id, std::string(200'000, 'r'));
                link.peer->reset(id, h2_error::cancel);
                link.peer->settle(1ms);
              }
              link.peer->wait_until([&] { return link.peer->connection_send_window() > whole / 4; },
                                    "the connection's window");
              while (run.app.pending(100ms)) run.accept_app();
              link.expect_works(run);
            });
}

}  // namespace

void add_client_streams(ClientSuite& suite) {
  opening(suite);
  refusals(suite);
  many_streams(suite);
  ends(suite);
  flow(suite);
}

}  // namespace tenfold::conformance
