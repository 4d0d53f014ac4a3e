#include "agent/forward/http_pass.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "agent/rules.h"

namespace tenfold {
namespace {

struct Rewriting final : HttpPass::Observer {
  explicit Rewriting(std::string host, bool close = false) : rewriter({std::move(host), close}, this) {}

  void on_request(const http::RequestHead& head, HttpPass::Asked&) override {
    requests.push_back(std::string(head.method) + ' ' + std::string(head.target));
  }
  void on_answered(const HttpPass::Asked& asked, const HttpPass::Answered& answered) override {
    using End = HttpPass::Answered::End;
    const char* end = answered.end == End::whole ? "whole" : answered.end == End::cut ? "cut" : "unknown";
    answers.push_back(asked.method + ' ' + std::to_string(answered.status) + ' ' + std::to_string(answered.bytes) +
                      ' ' + end);
  }

  // Feeds in pieces of chop() bytes; returns what was not taken.
  template <typename Chop>
  std::string feed(std::string_view text, Chop chop) {
    while (!text.empty()) {
      const std::string_view piece = text.substr(0, chop());
      std::size_t taken = 0;
      while (taken < piece.size()) {
        const HttpPass::Step step = rewriter.next(to_bytes(piece.substr(taken)));
        out += to_text(step.out);
        if (step.taken == 0) return std::string(text.substr(taken));
        taken += step.taken;
      }
      text.remove_prefix(piece.size());
    }
    return {};
  }
  std::string feed(std::string_view text) {
    return feed(text, [&] { return text.size(); });
  }

  std::vector<std::string> requests;
  std::vector<std::string> answers;  // METHOD STATUS BYTES END
  std::string out;
  HttpPass rewriter;
};

const std::string get = "GET /a HTTP/1.1\r\nHost: blue-fox.example\r\nAccept: */*\r\n\r\n";
const std::string get_rewritten = "GET /a HTTP/1.1\r\nHost: app.local\r\nAccept: */*\r\n\r\n";

TEST_CASE("every request's Host is replaced, and nothing else") {
  const std::string post =
      "POST /b?c=%20 HTTP/1.1\r\nX-First: 1\r\nHOST: x\r\nContent-Length: 21\r\n\r\nHost: not-a-head\r\n\r\nx";
  const std::string post_rewritten =
      "POST /b?c=%20 HTTP/1.1\r\nX-First: 1\r\nHOST: app.local\r\nContent-Length: 21\r\n\r\nHost: not-a-head\r\n\r\nx";
  const std::string chunked =
      "PUT /d HTTP/1.1\r\nHost: y\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nHost:\r\n0\r\nX-Trailer: 1\r\n\r\n";
  const std::string chunked_rewritten =
      "PUT /d HTTP/1.1\r\nHost: app.local\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nHost:\r\n0\r\nX-Trailer: "
      "1\r\n\r\n";
  const std::string in = get + post + get + chunked + get;
  const std::string want = get_rewritten + post_rewritten + get_rewritten + chunked_rewritten + get_rewritten;

  std::random_device device;
  const std::uint64_t seed = device();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200; ++round) {
    Rewriting rewriting("app.local");
    const std::size_t most = round == 0 ? in.size() : round == 1 ? 1 : 50;
    CHECK(rewriting.feed(in, [&] { return round < 2 ? most : 1 + random() % most; }).empty());
    CHECK(rewriting.out == want);
    CHECK(rewriting.requests == std::vector<std::string>{"GET /a", "POST /b?c=%20", "GET /a", "PUT /d", "GET /a"});
  }
}

TEST_CASE("an Origin and a Referer of the tunnel's own become the app's, another site's stay") {
  const auto rewritten = [](const std::string& line, bool tls = false) {
    HttpPass pass({"app.local:3000", false, tls}, nullptr);
    const std::string in = "GET /a HTTP/1.1\r\nHost: blue.example:8443\r\n" + line + "\r\n\r\n";
    const HttpPass::Step step = pass.next(to_bytes(in));
    const std::string_view out = to_text(step.out);
    const std::string_view start = "GET /a HTTP/1.1\r\nHost: app.local:3000\r\n";
    REQUIRE(out.starts_with(start));
    return std::string(out.substr(start.size(), out.size() - start.size() - 4));
  };
  CHECK(rewritten("Origin: https://blue.example:8443") == "Origin: http://app.local:3000");
  CHECK(rewritten("origin: https://BLUE.example:8443", true) == "origin: https://app.local:3000");
  CHECK(rewritten("Referer: https://blue.example:8443/a/b?c") == "Referer: http://app.local:3000/a/b?c");
  for (const char* line :
       {"Origin: https://evil.example", "Origin: null", "Origin: https://blue.example", "Origin: https://",
        "Referer: /a", "Referer: https://evil.example/https://blue.example:8443/",
        "X-Origin: https://blue.example:8443"}) {
    CHECK(rewritten(line) == line);
  }
}

TEST_CASE("without a new Host the bytes stay as they are, and requests are still told") {
  const std::string in =
      "GET /a HTTP/1.1\r\nhost:blue  \r\n\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi" + get;
  for (const std::size_t chop : {in.size(), std::size_t{1}, std::size_t{5}}) {
    Rewriting rewriting("");
    CHECK(rewriting.feed(in, [&] { return chop; }).empty());
    CHECK(rewriting.out == in);
    CHECK(rewriting.requests == std::vector<std::string>{"GET /a", "POST /b", "GET /a"});
  }
}

const std::string upgrade = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

TEST_CASE("behind an upgrade nothing goes on before the app agrees, and then everything as it is") {
  Rewriting rewriting("app.local");
  const std::string rest = rewriting.feed(upgrade + "\x81\x02hi" + get);
  CHECK(rest == "\x81\x02hi" + get);
  CHECK(rewriting.rewriter.holds());
  rewriting.out.clear();
  for (const char c : switched) rewriting.rewriter.on_answer(to_bytes({&c, 1}));
  CHECK_FALSE(rewriting.rewriter.holds());
  CHECK(rewriting.feed(rest).empty());
  CHECK(rewriting.out == rest);
}

TEST_CASE("an app that declines the upgrade gets the next request with its Host replaced") {
  Rewriting rewriting("app.local");
  CHECK(rewriting.feed(upgrade + get) == get);
  rewriting.out.clear();
  rewriting.rewriter.on_answer(to_bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"));
  CHECK(rewriting.feed(get).empty());
  CHECK(rewriting.out == get_rewritten);
}

TEST_CASE("a 1xx before the answer decides nothing") {
  Rewriting rewriting("app.local");
  rewriting.feed(upgrade);
  rewriting.rewriter.on_answer(to_bytes("HTTP/1.1 103 Early Hints\r\n\r\n"));
  CHECK(rewriting.rewriter.holds());
  rewriting.rewriter.on_answer(to_bytes(switched));
  CHECK_FALSE(rewriting.rewriter.holds());
  CHECK(rewriting.feed("raw").empty());
}

TEST_CASE("an upgrade with a body ends where its body does") {
  Rewriting rewriting("app.local");
  const std::string head = "POST /ws HTTP/1.1\r\nHost: x\r\nUpgrade: other\r\nContent-Length: 4\r\n\r\n";
  CHECK(rewriting.feed(head + "bodyEARLY") == "EARLY");
  CHECK(rewriting.out.ends_with("\r\n\r\nbody"));
}

TEST_CASE("an answer before the body's end decides, too") {
  Rewriting rewriting("app.local");
  rewriting.feed("POST /ws HTTP/1.1\r\nHost: x\r\nUpgrade: other\r\nContent-Length: 4\r\n\r\nbo");
  rewriting.rewriter.on_answer(to_bytes("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
  rewriting.out.clear();
  CHECK(rewriting.feed("dy" + get).empty());
  CHECK(rewriting.out == "dy" + get_rewritten);
}

TEST_CASE("CONNECT is a tunnel after any 2xx") {
  Rewriting rewriting("app.local");
  CHECK(rewriting.feed("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\nraw") == "raw");
  rewriting.rewriter.on_answer(to_bytes("HTTP/1.1 200 OK\r\n\r\n"));
  CHECK(rewriting.feed("raw").empty());
}

TEST_CASE("what is no request fails, and nothing of it goes on") {
  for (const char* text : {"GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "nonsense\r\n\r\n",
                           "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    CAPTURE(text);
    Rewriting rewriting("app.local");
    rewriting.feed(text);
    CHECK(rewriting.rewriter.failed());
    CHECK(rewriting.rewriter.fault().reason != nullptr);
    CHECK(rewriting.out.empty());
    CHECK(rewriting.requests.empty());
  }
}

TEST_CASE("a request that asks for a close says so once, keeps its other options, and an upgrade stays as it is") {
  struct Row {
    const char* fields;
    const char* out;
  };
  for (const Row& row : {
           Row{"", "Connection: close\r\n"},
           Row{"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n", "Connection: close\r\n"},
           Row{"connection: Close\r\n", "Connection: close\r\n"},
           Row{"Connection: TE, keep-alive\r\nTE: trailers\r\n",
               "Connection: TE\r\nTE: trailers\r\nConnection: close\r\n"},
           Row{"Connection: Upgrade\r\nUpgrade: websocket\r\n", "Connection: Upgrade\r\nUpgrade: websocket\r\n"},
       }) {
    CAPTURE(std::string(row.fields));
    Rewriting rewriting("", true);
    rewriting.feed("GET / HTTP/1.1\r\nHost: x\r\n" + std::string(row.fields) + "\r\n");
    CHECK(rewriting.out == "GET / HTTP/1.1\r\nHost: x\r\n" + std::string(row.out) + "\r\n");
  }
  Rewriting both("app.local", true);
  both.feed("GET / HTTP/1.0\r\n\r\n");
  CHECK(both.out == "GET / HTTP/1.1\r\nHost: app.local\r\nConnection: close\r\n\r\n");
}

// ---- What became of a request

TEST_CASE("each request is told with its answer, when that has ended") {
  for (const std::string& host : {std::string(), std::string("app.local")}) {
    Rewriting pass(host);
    using Answers = std::vector<std::string>;
    pass.feed(get + get);
    const auto says = [&](std::string_view text) {
      for (const char c : text) pass.rewriter.on_answer(to_bytes({&c, 1}));
    };
    says("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell");
    CHECK(pass.answers.empty());
    says("o");
    CHECK(pass.answers == Answers{"GET 200 5 whole"});
    says("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n");
    CHECK(pass.answers.back() == "GET 404 6 whole");
    pass.feed("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    says("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    CHECK(pass.answers.back() == "HEAD 200 0 whole");
    pass.feed(get + get);
    says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    CHECK(pass.answers.size() == 3);
    pass.rewriter.on_app_end();
    pass.rewriter.on_over();
    CHECK(pass.answers.size() == 5);
    CHECK(pass.answers[3] == "GET 200 4 cut");
    CHECK(pass.answers[4] == "GET 0 0 cut");
  }
}

TEST_CASE("an answer that ends with its connection is whole by the app's FIN, and cut without it") {
  for (const bool fin : {true, false}) {
    Rewriting pass("");
    pass.feed(get);
    pass.rewriter.on_answer(to_bytes("HTTP/1.1 200 OK\r\n\r\nuntil close"));
    if (fin) pass.rewriter.on_app_end();
    pass.rewriter.on_over();
    CHECK(pass.answers == std::vector<std::string>{fin ? "GET 200 11 whole" : "GET 200 11 cut"});
  }
}

TEST_CASE("another protocol, and what cannot be read, are told as far as they are known") {
  Rewriting switched_over("");
  switched_over.feed(upgrade);
  switched_over.rewriter.on_answer(to_bytes(switched));
  switched_over.rewriter.on_over();
  CHECK(switched_over.answers == std::vector<std::string>{"GET 101 0 whole"});
  Rewriting unread("");
  unread.feed(get);
  unread.rewriter.on_answer(to_bytes("Unauthorized\r\n"));
  unread.feed(get);
  unread.rewriter.on_over();
  CHECK(unread.answers == std::vector<std::string>{"GET 0 0 unknown", "GET 0 0 unknown"});
}

// ---- Whose turn it is

using Turn = HttpPass::Turn;

// What was said by whom, and whose turn it is then. Each row is run whole, and cut into single bytes.
struct Said {
  enum Who { visitor, app } who;
  std::string text;
  Turn then;
  bool awaits_app = false;
};

void check_turns(const std::vector<Said>& talk) {
  for (const bool bytewise : {false, true}) {
    CAPTURE(bytewise);
    HttpPass pass({}, nullptr);
    CHECK(pass.turn() == Turn::between);
    for (const Said& said : talk) {
      CAPTURE(said.text);
      const std::size_t most = bytewise ? 1 : said.text.size();
      for (std::string_view rest = said.text; !rest.empty(); rest.remove_prefix(std::min(most, rest.size()))) {
        const std::string_view piece = rest.substr(0, most);
        if (said.who == Said::app) {
          CHECK(pass.on_answer(to_bytes(piece)) == piece.size());
          continue;
        }
        std::string out;
        for (std::size_t taken = 0; taken < piece.size();) {
          const HttpPass::Step step = pass.next(to_bytes(piece.substr(taken)));
          REQUIRE(step.taken != 0);
          taken += step.taken;
          out += to_text(step.out);
        }
        CHECK(out == piece);
      }
      CHECK(pass.turn() == said.then);
      CHECK(pass.awaits_app() == said.awaits_app);
    }
    CHECK_FALSE(pass.failed());
  }
}

const std::string ok = "HTTP/1.1 200 OK\r\n";

TEST_CASE("whose turn it is: one request after the other") {
  check_turns({
      {Said::visitor, "GET /a HT", Turn::request},
      {Said::visitor, "TP/1.1\r\nHost: x\r\n\r\n", Turn::request, true},
      {Said::app, "HTTP/1.1 2", Turn::answer},
      {Said::app, "00 OK\r\nContent-Length: 5\r\n\r\nhe", Turn::answer},
      {Said::app, "llo", Turn::between},
      {Said::visitor, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo", Turn::request},
      {Said::visitor, "dy", Turn::request, true},
      {Said::app, ok + "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n", Turn::answer},
      {Said::app, "0\r\nX: y\r\n\r\n", Turn::between},
      {Said::visitor, "PUT /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", Turn::request},
      {Said::visitor, "0\r\n\r\n", Turn::request, true},
      {Said::app, "HTTP/1.1 204 No Content\r\n\r\n", Turn::between},
  });
}

TEST_CASE("whose turn it is: answers without a body, and before the answer") {
  check_turns({
      {Said::visitor, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", Turn::request, true},
      {Said::app, ok + "Content-Length: 1000\r\n\r\n", Turn::between},
      {Said::visitor, get, Turn::request, true},
      {Said::app, "HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n", Turn::between},
      {Said::visitor, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n", Turn::request,
       true},
      {Said::app, "HTTP/1.1 100 Continue\r\n\r\n", Turn::request},
      {Said::visitor, "x", Turn::request, true},
      {Said::app, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", Turn::request, true},
      {Said::app, ok + "Content-Length: 0\r\n\r\n", Turn::between},
  });
}

TEST_CASE("whose turn it is: requests that do not wait for each other's answers") {
  check_turns({
      {Said::visitor, get + "HEAD /b HTTP/1.1\r\nHost: x\r\n\r\n" + get, Turn::request, true},
      {Said::app, ok + "Content-Length: 2\r\n\r\nhi", Turn::request, true},
      {Said::app, ok + "Content-Length: 2\r\n\r\n" + ok, Turn::answer},
      {Said::app, "Content-Length: 2\r\n\r\nhi", Turn::between},
  });
}

TEST_CASE("whose turn it is: the last one of a connection") {
  for (const std::string& last : {ok + "Connection: close\r\nContent-Length: 2\r\n\r\nhi",
                                  std::string("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi")}) {
    check_turns({{Said::visitor, get, Turn::request, true}, {Said::app, last, Turn::over}});
  }
  check_turns({
      {Said::visitor, get, Turn::request, true},
      {Said::app, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", Turn::between},
  });
  check_turns({{Said::visitor, get, Turn::request, true}, {Said::app, ok + "\r\nhello", Turn::until_close}});
  check_turns({
      {Said::visitor, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", Turn::request, true},
      {Said::app, ok + "Content-Length: 0\r\n\r\n", Turn::over},
  });
  check_turns({
      {Said::visitor, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf", Turn::request},
      {Said::app, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", Turn::over},
      {Said::visitor, " rest", Turn::over},
  });
}

TEST_CASE("whose turn it is: nobody knows, of another protocol and of what cannot be read") {
  check_turns({
      {Said::visitor, upgrade, Turn::request, true},
      {Said::app, switched, Turn::opaque},
      {Said::app, "\x81\x02hi", Turn::opaque},
      {Said::visitor, "\x81\x02hi", Turn::opaque},
  });
  check_turns({
      {Said::visitor, upgrade, Turn::request, true},
      {Said::app, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", Turn::between},
      {Said::visitor, get, Turn::request, true},
  });
  check_turns({{Said::visitor, upgrade, Turn::request, true}, {Said::visitor, "\x81\x02hi", Turn::opaque}});
  check_turns({
      {Said::visitor, "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", Turn::request, true},
      {Said::app, ok + "\r\n", Turn::opaque},
  });
  check_turns({{Said::visitor, get, Turn::request, true}, {Said::app, switched, Turn::opaque}});
  check_turns({{Said::visitor, "GET / HTTP/1.1\nHost: x\n\n", Turn::opaque}, {Said::app, "anything", Turn::opaque}});
  check_turns({{Said::visitor, "SSH-2.0-x\r\n", Turn::opaque}});
  check_turns({{Said::visitor, get, Turn::request, true}, {Said::app, "Unauthorized\r\n", Turn::opaque}});
  check_turns({
      {Said::visitor, get, Turn::request, true},
      {Said::app, ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", Turn::opaque},
  });
  check_turns({
      {Said::visitor, get, Turn::request, true},
      {Said::app, ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", Turn::opaque},
  });
  check_turns({{Said::app, "220 a greeting\r\n", Turn::opaque}});
  check_turns({{Said::visitor, "GET / HT", Turn::request}, {Said::app, ok, Turn::opaque}});
  std::string many;
  for (std::size_t i = 0; i <= rules::pipelined_requests; ++i) many += get;
  check_turns({{Said::visitor, many, Turn::opaque}});
}

TEST_CASE("whose turn it is: a request that asks for something odd is a request all the same") {
  for (const char* odd : {"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                          "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n"}) {
    check_turns({
        {Said::visitor, odd, Turn::request, true},
        {Said::app, ok + "Content-Length: 2\r\n\r\nhi", Turn::between},
    });
  }
}

TEST_CASE("what an app says beyond its answers is told apart from them") {
  HttpPass pass({}, nullptr);
  const std::string answer = ok + "Content-Length: 2\r\n\r\nhi";
  pass.next(to_bytes(get));
  CHECK(pass.on_answer(to_bytes(answer + "more")) == answer.size());
  CHECK(pass.on_answer(to_bytes("more")) == 0);
  pass.next(to_bytes("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"));
  const std::string head = ok + "Content-Length: 2\r\n\r\n";
  CHECK(pass.on_answer(to_bytes(head + "hi")) == head.size());
  CHECK(pass.turn() == Turn::between);
}

TEST_CASE("the request that the app owes an answer to is the oldest one") {
  HttpPass pass({}, nullptr);
  CHECK(pass.asked() == nullptr);
  pass.next(to_bytes("GET /" + std::string(1000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"));
  pass.next(to_bytes("PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"));
  REQUIRE(pass.asked() != nullptr);
  CHECK(pass.asked()->method == "GET");
  CHECK(pass.asked()->target.size() == rules::printed_target);
  pass.on_answer(to_bytes(ok + "Content-Length: 0\r\n\r\n"));
  CHECK(pass.asked()->method == "PUT");
  CHECK(pass.asked()->target == "/b");
}

TEST_CASE("after an answer that cannot be read a changed head still waits for the answer to an upgrade") {
  Rewriting rewriting("app.local");
  rewriting.feed(get);
  rewriting.rewriter.on_answer(to_bytes("nonsense\r\n\r\n"));
  CHECK(rewriting.rewriter.turn() == Turn::opaque);
  CHECK(rewriting.feed(upgrade + "early") == "early");
  rewriting.rewriter.on_answer(to_bytes(switched));
  CHECK(rewriting.feed("early").empty());
  CHECK(rewriting.rewriter.turn() == Turn::opaque);
}

}  // namespace
}  // namespace tenfold
