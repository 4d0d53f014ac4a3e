#include "agent/screen/tunnel_status.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "agent/rules.h"
#include "links/agent_fixture.h"

namespace tenfold {
namespace {

// What is said of an agent with one tunnel, or of its second tunnel.
struct Shown {
  explicit Shown(
      StatusOutput& output, Screen::Style style = {}, TunnelStatus::Among among = TunnelStatus::Among::alone,
      Screen::WallClock clock = [] { return std::time_t{0}; })
      : screen(output, style, std::move(clock)), agent(screen), tunnel(agent, "http://localhost:8080", among) {}

  Screen screen;
  Status agent;
  TunnelStatus tunnel;
};

struct StatusFixture {
  test::RecordingOutput output;
  Shown person{output};
  Shown program{output, {.json = true}};
};

TEST_CASE_FIXTURE(StatusFixture, "the URL is the one line on stdout") {
  person.tunnel.ready({.url = "http://blue-fox.example", .name = "blue-fox"});
  CHECK(output.lines == std::vector<std::string>{"your url is: http://blue-fox.example"});
  CHECK(output.has_error("forwarding to http://localhost:8080"));
}

TEST_CASE_FIXTURE(StatusFixture, "the same URL again is not printed again, another one is") {
  person.tunnel.ready({.url = "http://a.example", .name = "a"});
  person.tunnel.ready({.url = "http://a.example", .name = "a"});
  CHECK(output.lines.size() == 1);
  CHECK(output.has_error("connected again: http://a.example"));
  person.tunnel.ready({.url = "http://b.example", .name = "b"});
  CHECK(output.lines.back() == "your url is: http://b.example");
  CHECK(output.has_error("http://a.example is no longer yours"));
}

TEST_CASE_FIXTURE(StatusFixture, "a broker that stays away is told of once, and again when the reason is another") {
  person.tunnel.ready({.url = "http://a.example", .name = "a"});
  output.errors.clear();
  for (int i = 0; i < 5; ++i) person.agent.reconnecting(1s, {ErrorKind::refused, "127.0.0.1:7080"});
  CHECK(output.errors.size() == 1);
  CHECK(output.has_error("connection lost"));
  person.agent.reconnecting(1s, {ErrorKind::tls, "certificate has expired"});
  CHECK(output.errors.size() == 2);
  person.tunnel.ready({.url = "http://a.example", .name = "a"});
  person.agent.reconnecting(1s, {ErrorKind::tls, "certificate has expired"});
  CHECK(output.errors.size() == 4);
}

TEST_CASE_FIXTURE(StatusFixture, "the local app's state is told when it changes") {
  person.tunnel.local_up();
  CHECK(output.errors.empty());
  for (int i = 0; i < 5; ++i) person.tunnel.local_down({ErrorKind::refused, "127.0.0.1:8080"});
  CHECK(output.errors.size() == 1);
  for (int i = 0; i < 5; ++i) person.tunnel.local_up();
  CHECK(output.errors.size() == 2);
  CHECK(output.has_error("http://localhost:8080 answers again"));
}

TEST_CASE("the URL and the last words are kept when a slow reader makes other lines be dropped") {
  class KeptOutput final : public StatusOutput {
   public:
    void out(std::string_view) override { ++others; }
    void err(std::string_view) override { ++others; }
    void out_kept(std::string_view line) override { kept.emplace_back(line); }
    std::vector<std::string> kept;
    int others = 0;
  };
  const auto run = [](bool json) {
    KeptOutput output;
    Shown status(output, {.json = json});
    status.tunnel.ready({.url = "http://a.example", .name = "a", .cached_url = "http://b.example"});
    status.tunnel.request({.method = "GET", .path = "/", .status = 200});
    status.agent.notice("from afar");
    status.agent.reconnecting(1s, {ErrorKind::refused, "127.0.0.1:7080"});
    status.agent.refused("name-taken", "The name a is in use.");
    status.agent.stopped();
    CHECK(output.others >= 3);
    return output.kept;
  };
  CHECK(run(false) == std::vector<std::string>{"your url is: http://a.example", "your cachedUrl is: http://b.example"});
  const std::vector<std::string> events = run(true);
  REQUIRE(events.size() == 3);
  CHECK(events[0].starts_with(R"({"event":"ready",)"));
  CHECK(events[1].starts_with(R"({"event":"refused",)"));
  CHECK(events[2] == R"({"event":"stopped"})");
}

TEST_CASE_FIXTURE(StatusFixture, "a slow app is told of with its request, and how its visitor fared") {
  person.tunnel.app_slow("GET", "/report", 30s, true);
  person.tunnel.app_slow("GET", "/\x1b[2J", 75400ms, false);
  person.tunnel.app_slow("", "", 1500ms, true);
  CHECK(output.errors == std::vector<std::string>{
                             "http://localhost:8080 did not answer GET /report within 30 s",
                             "a visitor waited 75 s for http://localhost:8080 and got no answer to GET /\\x1b[2J",
                             "http://localhost:8080 did not answer a request within 1.5 s",
                         });
}

TEST_CASE("a want of descriptors is said once a minute") {
  test::RecordingOutput output;
  std::time_t now = 1'000'000;
  Shown status(output, {}, TunnelStatus::Among::alone, [&now] { return now; });
  for (int i = 0; i < 100; ++i) status.tunnel.agent_busy({ErrorKind::limit, "out of file descriptors"});
  CHECK(output.errors.size() == 1);
  now += rules::slow_lines_s;
  status.tunnel.agent_busy({ErrorKind::limit, "out of file descriptors"});
  CHECK(output.errors.size() == 2);
}

TEST_CASE("a sleep is told in the units that people use") {
  test::RecordingOutput output;
  Shown status(output);
  for (const Duration time : {Duration(45s), Duration(12min + 30s), Duration(27h + 5min)}) status.agent.slept(time);
  CHECK(output.errors == std::vector<std::string>{"this agent slept for 45 s: dialling again",
                                                  "this agent slept for 12 min: dialling again",
                                                  "this agent slept for 27 h 5 min: dialling again"});
}

TEST_CASE("slow apps do not flood the terminal") {
  test::RecordingOutput output;
  std::time_t now = 1'000'000;
  Shown status(output, {}, TunnelStatus::Among::alone, [&now] { return now; });
  for (int i = 0; i < 1000; ++i) status.tunnel.app_slow("GET", "/" + std::to_string(i), 30s, true);
  CHECK(output.errors.size() == rules::slow_lines);
  now += rules::slow_lines_s;
  status.tunnel.app_slow("GET", "/last", 30s, true);
  CHECK(output.errors.size() == rules::slow_lines + 2);
  CHECK(output.has_error("and 990 more requests that http://localhost:8080 did not answer"));
  CHECK(output.has_error("GET /last"));
}

TEST_CASE_FIXTURE(StatusFixture, "requests look as lt prints them") {
  setenv("TZ", "UTC", 1);
  tzset();
  person.tunnel.request({.method = "GET", .path = "/a?b", .status = 200, .took = 15ms, .bytes = 1234});
  person.tunnel.request({.method = "DELETE", .path = "/a/longer/path/than/usual", .status = 204, .took = 12345ms});
  person.tunnel.request(
      {.method = "GET", .path = "/big", .status = 200, .took = 2s, .bytes = 12'345'678, .is_cut = true});
  person.tunnel.request({.method = "GET", .path = "/slow", .took = 60s, .is_cut = true});
  person.tunnel.request({.method = "GET", .path = "/unread", .is_known = false});
  const std::string then = "Thu Jan 01 1970 00:00:00 GMT+0000 (UTC) ";
  CHECK(output.lines == std::vector<std::string>{
                            then + "GET /a?b                 200 15ms 1.2 KB",
                            then + "DELETE /a/longer/path/than/usual 204 12.3s 0 B",
                            then + "GET /big                 200 2000ms 12.3 MB, cut",
                            then + "GET /slow                60.0s, cut before an answer",
                            then + "GET /unread",
                        });
}

TEST_CASE_FIXTURE(StatusFixture, "text from afar reaches the terminal without control characters") {
  const std::string bad =
      "\x1b]0;owned\x07 \xc2\x9b"
      "2J \xe2\x80\xae";
  person.tunnel.ready({.url = bad, .name = bad, .cached_url = bad});
  person.agent.notice(bad);
  person.agent.refused(bad, bad);
  person.agent.fallback(bad);
  person.tunnel.request({.method = bad, .path = bad, .peer = bad});
  person.tunnel.app_cut(bad, bad, 1, {ErrorKind::io, bad});
  person.tunnel.app_not_http(bad, bad);
  person.agent.reconnecting(1s, {ErrorKind::protocol, bad});
  person.tunnel.local_down({ErrorKind::io, bad});
  person.tunnel.app_slow(bad, bad, 30s, true);
  person.tunnel.app_slow(bad, bad, 30s, false);
  for (const auto* lines : {&output.lines, &output.errors}) {
    for (const std::string& line : *lines) {
      CAPTURE(line);
      CHECK(line.find('\x1b') == std::string::npos);
      CHECK(line.find('\x07') == std::string::npos);
      CHECK(line.find("\xc2\x9b") == std::string::npos);
      CHECK(line.find("\xe2\x80\xae") == std::string::npos);
    }
  }
}

TEST_CASE_FIXTURE(StatusFixture, "a program reads one object a line on stdout, and stderr stays empty") {
  program.tunnel.ready({.url = "http://a.example", .name = "a", .mode = TunnelStatus::Mode::classic, .sockets = 10});
  program.agent.reconnecting(1500ms, {ErrorKind::refused, "x"});
  program.tunnel.local_down({ErrorKind::timeout, "y"});
  program.tunnel.local_up();
  program.tunnel.app_slow("GET", "/report", 30s, true);
  program.tunnel.app_slow("GET", "/report", 75400ms, false);
  program.tunnel.request(
      {.method = "GET", .path = "/\"\n", .peer = "1.2.3.4:5", .status = 200, .took = 15ms, .bytes = 1234});
  program.tunnel.request({.method = "GET", .path = "/", .took = 1s, .is_cut = true});
  program.tunnel.app_cut("GET", "/big", 1234, {ErrorKind::io, "connection reset by peer"});
  program.tunnel.app_not_http("SSH-2.0", "speaks SSH");
  program.agent.busy({ErrorKind::limit, "out of file descriptors: raise ulimit -n"});
  program.agent.notice("hello");
  program.agent.drain();
  program.agent.fallback("it answered 404");
  program.agent.refused("name-taken", "taken");
  program.agent.stopping();
  program.agent.stopped();
  CHECK(output.errors.empty());
  CHECK(output.lines == std::vector<std::string>{
                            R"({"event":"ready","url":"http://a.example","name":"a","mode":"classic"})",
                            R"({"event":"reconnecting","in_ms":1500,"cause":"refused: x"})",
                            R"({"event":"local_down","target":"http://localhost:8080","cause":"timeout: y"})",
                            R"({"event":"local_up","target":"http://localhost:8080"})",
                            R"({"event":"app_slow","target":"http://localhost:8080","method":"GET","path":"/report",)"
                            R"("waited_ms":30000,"status":504})",
                            R"({"event":"app_slow","target":"http://localhost:8080","method":"GET","path":"/report",)"
                            R"("waited_ms":75400})",
                            R"({"event":"request","method":"GET","path":"/\"\\x0a","peer":"1.2.3.4:5","status":200,)"
                            R"("ms":15,"bytes":1234})",
                            R"({"event":"request","method":"GET","path":"/","peer":"","ms":1000,"bytes":0,"cut":true})",
                            R"({"event":"app_cut","target":"http://localhost:8080","method":"GET","path":"/big",)"
                            R"("bytes":1234,"cause":"io: connection reset by peer"})",
                            R"({"event":"app_not_http","target":"http://localhost:8080","first_bytes":"SSH-2.0",)"
                            R"("guess":"speaks SSH"})",
                            R"({"event":"busy","cause":"out of file descriptors: raise ulimit -n"})",
                            R"({"event":"notice","text":"hello"})",
                            R"({"event":"drain"})",
                            R"({"event":"fallback","cause":"it answered 404"})",
                            R"({"event":"refused","code":"name-taken","message":"taken"})",
                            R"({"event":"stopping"})",
                            R"({"event":"stopped"})",
                        });
}

TEST_CASE_FIXTURE(StatusFixture, "one tunnel of several is named in what is said of it") {
  Shown people(output, {}, TunnelStatus::Among::several);
  Shown programs(output, {.json = true}, TunnelStatus::Among::several);
  people.tunnel.ready({.url = "http://a.example", .name = "a"});
  people.tunnel.refused("name-taken", "The name a is in use.", false);
  people.tunnel.refused("name-taken", "The name a is in use.", false);
  people.tunnel.refused("limit", "too many", true);
  people.tunnel.request({.method = "GET", .path = "/", .status = 204});
  REQUIRE(output.lines.size() == 2);
  CHECK(output.lines[0] == "your url is: http://a.example");
  CHECK(output.lines[1].ends_with(" a GET /                    204 0ms 0 B"));
  CHECK(output.errors == std::vector<std::string>{
                             "forwarding to http://localhost:8080 over one link",
                             "refused: The name a is in use. (name-taken): http://localhost:8080 gets no URL; the "
                             "others go on. Another --subdomain may be free, or none is asked for",
                             "refused: too many (limit): http://localhost:8080 has no URL now, and is asked for "
                             "again; the others go on",
                         });
  output.lines.clear();
  programs.tunnel.ready({.url = "http://a.example", .name = "a"});
  programs.tunnel.refused("limit", "too many", true);
  programs.tunnel.reconnecting(1s, {ErrorKind::refused, "x"});
  CHECK(output.lines == std::vector<std::string>{
                            R"({"event":"ready","url":"http://a.example","name":"a","mode":"mux",)"
                            R"("target":"http://localhost:8080"})",
                            R"({"event":"refused","code":"limit","message":"too many",)"
                            R"("target":"http://localhost:8080","retried":true})",
                            R"({"event":"reconnecting","in_ms":1000,"cause":"refused: x",)"
                            R"("target":"http://localhost:8080"})",
                        });
}

TEST_CASE_FIXTURE(StatusFixture, "colours only when they are wanted, and never on stdout") {
  Shown coloured(output, {.colour = true});
  coloured.tunnel.ready({.url = "http://a.example", .name = "a"});
  CHECK(output.lines.back() == "your url is: http://a.example");
  CHECK(output.errors.back().starts_with("\x1b[32m"));
  person.tunnel.ready({.url = "http://b.example", .name = "b"});
  CHECK(output.errors.back().find('\x1b') == std::string::npos);
}

}  // namespace
}  // namespace tenfold
