// A client of tenfold/1 whose Upgrade yields no link: when it uses the classic pool, and when it must not.
// docs/PROTOCOL.md, "Handshake".
#include <functional>

#include "conformance/cases/agent_link.h"
#include "conformance/cases/client_cases.h"

namespace tenfold::conformance {
namespace {

constexpr const char* where = "PROTOCOL Handshake";

bool wants_link(const Message& asked) { return asked.lists("Upgrade", "tenfold/1"); }

void expect_offer(const Message& asked) {
  expect(asked.lists("Tenfold-Offer", "tenfold/1"), "no Tenfold-Offer: tenfold/1 in " + asked.first_line);
}

// The answer of a tenfold/1 server to a request that lost its Upgrade on the way.
void answer_upgrade_lost(ClientRun::Ask& ask) {
  answer_and_close(ask, 426, R"({"message":"the Upgrade did not come","code":"upgrade-lost"})",
                   {{"Content-Type", "application/json"}, {"Upgrade", "tenfold/1"}});
}

// The second request: without Upgrade, on another connection.
ClientRun::Ask take_second(ClientRun& run, Millis within) {
  ClientRun::Ask ask = run.take_ask(in(within));
  expect(!ask.request.has("Upgrade"), "asked with Upgrade again");
  expect_offer(ask.request);
  return ask;
}

// Answers all requests in this time; returns how many of them asked for a link.
int answer_all(ClientRun& run, Millis time, const std::function<void(ClientRun::Ask&)>& reply) {
  int links = 0;
  for (const Deadline end = in(time); Clock::now() < end;) {
    if (!run.server.pending(left(end))) break;
    ClientRun::Ask ask = run.take_ask();
    if (wants_link(ask.request)) ++links;
    reply(ask);
  }
  expect(run.process->running(), "it ended");
  return links;
}

void offers(ClientSuite& suite) {
  suite.add({"client-mux/ask/offer", Level::must, "every request bears Tenfold-Offer: tenfold/1", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              for (int i = 0; i < 3; ++i) {
                ClientRun::Ask ask = run.take_ask();
                expect_offer(ask.request);
                ask.connection.socket().close();
              }
            });
}

void to_the_pool(ClientSuite& suite) {
  suite.add(
      {"client-mux/fallback/json", Level::should, "the classic JSON instead of the 101 opens a pool at once", where},
      [](ClientTarget& target) {
        ClientRun run(target);
        run.start(2);
        run.accept_pool();
      });
  using Cut = std::function<void(Http&)>;
  const auto say = [](const char* raw) {
    return Cut([raw](Http& connection) {
      connection.send(raw);
      connection.socket().close();
    });
  };
  const std::vector<std::pair<const char*, Cut>> strangers = {
      {"closed", [](Http& connection) { connection.socket().close(); }},
      {"reset", [](Http& connection) { connection.socket().reset(); }},
      {"502", say("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nproxy")},
      {"404", say("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n404")}};
  for (const auto& [id, cut] : strangers) {
    suite.add({std::string("client-mux/fallback/") + id, Level::should,
               std::string("what says nothing about the server (") + id +
                   "): within 3 s a second question, without Upgrade; the classic JSON in answer to it opens a pool",
               where},
              [cut = cut](ClientTarget& target) {
                ClientRun run(target);
                ClientRun::Ask ask = run.take_ask();
                cut(ask.connection);
                ClientRun::Ask plain = take_second(run, 3s);
                run.grant(plain, 1);
                run.accept_pool();
              });
  }
  suite.add({"client-mux/fallback/silent", Level::should,
             "silence: within 2 s a second question, without Upgrade, while the first connection stays open", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              ClientRun::Ask ask = run.take_ask();
              ClientRun::Ask plain = take_second(run, 2s);
              expect(ask.connection.silent(200ms), "the first connection was ended");
              run.grant(plain, 1);
              run.accept_pool();
            });
}

void to_the_link(ClientSuite& suite) {
  suite.add({"client-mux/fallback/late", Level::must, "a 101 that comes after 2.5 s counts", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              ClientRun::Ask ask = run.take_ask();
              answer_all(run, 2500ms, answer_upgrade_lost);
              BrokerLink link(std::move(ask));
              link.expect_works(run);
              expect(!run.pool.pending(0ms), "a pool is opened");
            });
  suite.add({"client-mux/fallback/upgrade-lost", Level::must,
             "426 upgrade-lost to the second question: a link is asked for again", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.take_ask().connection.socket().reset();
              ClientRun::Ask next = run.take_ask();
              while (!wants_link(next.request)) {
                answer_upgrade_lost(next);
                next = run.take_ask();
              }
              BrokerLink link(std::move(next));
              link.expect_works(run);
            });
  suite.add({"client-mux/fallback/proxy", Level::must,
             "426 upgrade-lost to an Upgrade, which a proxy took away: a link is asked for again", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              for (int i = 0; i < 2; ++i) {
                ClientRun::Ask ask = run.take_ask(in(10s));
                REQUIRE(wants_link(ask.request));
                answer_upgrade_lost(ask);
              }
              BrokerLink link(run);
              link.expect_works(run);
            });
  suite.add({"client-mux/fallback/proxy-told", Level::should, "... and that a proxy is in the way is said", where},
            [](ClientTarget& target) {
              ClientRun run(target);
              ClientRun::Ask ask = run.take_ask();
              answer_upgrade_lost(ask);
              expect(run.process->says("proxy", 3s), run.process->output());
            });
  using Reply = std::function<void(ClientRun::Ask&)>;
  const std::vector<std::pair<const char*, Reply>> faults = {
      {"cut", [](ClientRun::Ask& ask) { ask.connection.socket().reset(); }},
      {"502", [](ClientRun::Ask& ask) { answer_and_close(ask, 502, "proxy"); }}};
  for (const auto& [id, fault] : faults) {
    suite.add(
        {std::string("client-mux/fallback/no-end-") + id, Level::must,
         std::string("every connection meets the same fault (") + id + "): it asks on, and has its link in the end",
         where},
        [fault = fault](ClientTarget& target) {
          ClientRun run(target);
          expect(answer_all(run, 5s, fault) >= 1, "no link is asked for");
          for (ClientRun::Ask ask = run.take_ask(in(20s));; ask = run.take_ask(in(20s))) {
            if (wants_link(ask.request)) return BrokerLink(std::move(ask)).expect_works(run);
            fault(ask);
          }
        });
  }
}

void known_brokers(ClientSuite& suite) {
  const auto never_the_pool = [](ClientRun& run) {
    expect(answer_all(run, 6s, [&](ClientRun::Ask& ask) { run.grant(ask, 1); }) >= 2, "a link is not asked for again");
    expect(!run.pool.pending(0ms), "a pool is opened");
  };
  suite.add({"client-mux/fallback/spoke-before", Level::must,
             "where a link stood, the classic JSON opens no pool: a link is asked for again", where},
            [never_the_pool](ClientTarget& target) {
              ClientRun run(target);
              {
                BrokerLink link(run);
                link.expect_works(run);
              }
              never_the_pool(run);
            });
  suite.add({"client-mux/fallback/remembers", Level::should, "... nor after a restart of the client", where},
            [never_the_pool](ClientTarget& target) {
              ClientRun run(target);
              {
                BrokerLink link(run);
                link.expect_works(run);
                run.restart();
              }
              never_the_pool(run);
            });
}

}  // namespace

void add_client_fallback(ClientSuite& suite) {
  offers(suite);
  to_the_pool(suite);
  to_the_link(suite);
  known_brokers(suite);
}

}  // namespace tenfold::conformance
