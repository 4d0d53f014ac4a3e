// The classic handshake of a client: its request, and its reaction to each answer. docs/CLASSIC.md, "What the client
// makes of the answer".
#include <signal.h>

#include "conformance/cases/client_cases.h"

namespace tenfold::conformance {
namespace {

// The reaction to a temporary failure: it asks again, and is then served.
void expect_asks_again(ClientRun& run, Millis within = 12s) {
  ClientRun::Ask again = run.take_ask(in(within));
  run.grant(again, 1);
  run.accept_pool();
}

void requests(ClientSuite& suite) {
  suite.add({"client/ask/new", Level::must, "asks with GET /?new and a Host", "CLASSIC client-request"},
            [](ClientTarget& target) {
              ClientRun run(target);
              const Message got = run.take_ask().request;
              REQUIRE(got.method == "GET");
              REQUIRE(got.target == "/?new");
              REQUIRE(got.field("Host") == "127.0.0.1:" + std::to_string(run.server.port()));
            });
  suite.add({"client/ask/name", Level::must, "--subdomain NAME asks with GET /NAME", "CLASSIC client-request"},
            [](ClientTarget& target) {
              ClientRun run(target, {.flags = "--subdomain green-frog"});
              REQUIRE(run.take_ask().request.target == "/green-frog");
            });
  suite.add({"client/ask/no-offer", Level::must, "a client whose user wants the classic pool offers no tenfold/1",
             "PROTOCOL Handshake"},
            [](ClientTarget& target) {
              ClientRun run(target);
              const Message got = run.take_ask().request;
              expect(!got.has("Tenfold-Offer") && !got.has("Upgrade"), "it does");
            });
  suite.add({"client/ask/url", Level::must, "prints `your url is: URL` when a socket stands", "CLASSIC client-url"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(1);
              run.accept_pool();
              expect(run.process->says("your url is: " + run.url(), 5s), run.process->output());
            });
  suite.add({"client/ask/cached-url", Level::should, "cached_url is printed as well", "CLASSIC client-url"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(1, ",\"cached_url\":\"http://cached.example\"");
              expect(run.process->says("http://cached.example", 5s), run.process->output());
            });
  suite.add(
      {"client/ask/refused-2xx", Level::must, "a 202 with a message: it is printed, and the client ends",
       "CLASSIC client-refused"},
      [](ClientTarget& target) {
        ClientRun run(target);
        ClientRun::Ask ask = run.take_ask();
        answer_and_close(ask, 202, "{\"message\":\"no more names today\"}", {{"Content-Type", "application/json"}});
        expect(run.process->says("no more names today", 5s), "not printed");
        expect(run.process->wait(5s).value_or(0) != 0, "it goes on, or ends with 0");
      });
  suite.add(
      {"client/ask/sigterm", Level::must, "SIGTERM ends it within 5 s, its sockets with it", "CLASSIC pool-count"},
      [](ClientTarget& target) {
        ClientRun run(target);
        run.start(2);
        Http socket = run.accept_pool();
        run.process->signal(SIGTERM);
        expect(run.process->wait(5s).has_value(), "it still runs");
        socket.wait_for_end();
      });
}

void retries(ClientSuite& suite) {
  const std::vector<std::tuple<const char*, int, const char*>> answers = {
      {"500", 500, "oops"},
      {"429", 429, "{\"message\":\"slowly\"}"},
      {"503", 503, ""},
      {"no-json", 200, "<html>a proxy's page</html>"},
      {"other-json", 200, "{\"hello\":\"world\"}"}};
  for (const auto& [id, status, body] : answers) {
    suite.add({std::string("client/retry/") + id, Level::must,
               std::string("after an answer that is no tunnel (") + id + ") asks again", "CLASSIC client-retry"},
              [status = status, body = std::string(body)](ClientTarget& target) {
                ClientRun run(target);
                ClientRun::Ask ask = run.take_ask();
                answer_and_close(ask, status, body);
                expect_asks_again(run);
              });
  }
  suite.add({"client/retry/hung-up", Level::must, "after a connection closed without an answer asks again",
             "CLASSIC client-retry"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.take_ask().connection.socket().close();
              expect_asks_again(run);
            });
  suite.add(
      {"client/retry/refused", Level::must, "with the server down at first asks once it is up", "CLASSIC client-retry"},
      [](ClientTarget& target) {
        ClientRun run(target, {.server_down = true});
        run.process->wait(1500ms);
        run.server.listen_again();
        expect_asks_again(run, 20s);
      });
  suite.add({"client/retry/says-so", Level::should, "says that it could not get a tunnel", "CLASSIC client-retry"},
            [](ClientTarget& target) {
              ClientRun run(target);
              ClientRun::Ask ask = run.take_ask();
              answer_and_close(ask, 500, "oops");
              run.take_ask(in(12s));
              expect(!run.process->output().empty(), "in silence");
            });
  suite.add({"client/retry/calm", Level::must, "asks at most 40 times in 3 s when every answer is a 500",
             "CLASSIC client-retry"},
            [](ClientTarget& target) {
              ClientRun run(target);
              int asked = 0;
              ClientRun::Ask first = run.take_ask();
              answer_and_close(first, 500, "");
              for (const Deadline end = in(3s); Clock::now() < end;) {
                if (!run.server.pending(left(end))) break;
                ClientRun::Ask ask = run.take_ask();
                answer_and_close(ask, 500, "");
                ++asked;
              }
              expect(asked <= 40, std::to_string(asked) + " times");
            });
}

void strangers(ClientSuite& suite) {
  suite.add({"client/hostile/large-json", Level::should, "an answer of 4 MB is not taken", "CONFORMANCE strangers"},
            [](ClientTarget& target) {
              ClientRun run(target);
              ClientRun::Ask ask = run.take_ask();
              try {
                run.grant(ask, 1, ",\"junk\":\"" + std::string(4'000'000, 'j') + "\"");
              } catch (const Failure&) {
                // The client closed within the answer.
              }
              expect(!run.pool.pending(1500ms), "the pool is opened");
              expect(run.process->running(), "it ended");
            });
  suite.add({"client/hostile/escape", Level::should, "control characters of the server do not reach the terminal",
             "CONFORMANCE strangers"},
            [](ClientTarget& target) {
              ClientRun run(target);
              ClientRun::Ask ask = run.take_ask();
              ask.connection.send(answer(200, "{\"id\":\"blue-fox\",\"port\":" + std::to_string(run.pool.port()) +
                                                  ",\"max_conn_count\":1,\"url\":\"http://x\\u001b[2J\\u0007y\"}"));
              run.process->says("your url is", 4s);
              const std::string out = run.process->output();
              expect(out.find_first_of("\x1b\x07") == std::string::npos, "they do");
            });
  suite.add({"client/hostile/many-sockets", Level::should, "max_conn_count 1000 opens at most 64 sockets",
             "CONFORMANCE strangers"},
            [](ClientTarget& target) {
              ClientRun run(target);
              run.start(1000);
              std::vector<Http> sockets;
              while (run.pool.pending(700ms)) sockets.push_back(run.accept_pool());
              expect(!sockets.empty() && sockets.size() <= 64, std::to_string(sockets.size()) + " sockets");
            });
  suite.add({"client/hostile/foreign-ip", Level::should, "an `ip` that is not the server's is not dialled",
             "CONFORMANCE strangers"},
            [](ClientTarget& target) {
              Listener foreign("127.0.0.99");
              ClientRun run(target);
              ClientRun::Ask ask = run.take_ask();
              ask.connection.send(
                  answer(200, "{\"id\":\"blue-fox\",\"ip\":\"127.0.0.99\",\"port\":" + std::to_string(foreign.port()) +
                                  ",\"max_conn_count\":1,\"url\":\"http://x\"}"));
              expect(!foreign.pending(2s), "it is");
            });
}

}  // namespace

void add_client_ask(ClientSuite& suite) {
  requests(suite);
  retries(suite);
  strangers(suite);
}

}  // namespace tenfold::conformance
