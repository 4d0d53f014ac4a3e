#include "agent/host_rewriter.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

namespace tenfold {
namespace {

struct Rewriting {
  explicit Rewriting(std::string host)
      : rewriter(std::move(host), [this](const http1::RequestHead& head) {
          requests.push_back(std::string(head.method) + ' ' + std::string(head.target));
        }) {}

  // Feeds in pieces of chop() bytes; returns what was not taken.
  template <typename Chop>
  std::string feed(std::string_view text, Chop chop) {
    while (!text.empty()) {
      const std::string_view piece = text.substr(0, chop());
      std::size_t taken = 0;
      while (taken < piece.size()) {
        const HostRewriter::Step step = rewriter.next(to_bytes(piece.substr(taken)));
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
  std::string out;
  HostRewriter rewriter;
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
  CHECK(rewriting.rewriter.watches_answer());
  rewriting.out.clear();
  for (const char c : switched) rewriting.rewriter.on_answer(to_bytes({&c, 1}));
  CHECK_FALSE(rewriting.rewriter.watches_answer());
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
  CHECK(rewriting.rewriter.watches_answer());
  rewriting.rewriter.on_answer(to_bytes(switched));
  CHECK_FALSE(rewriting.rewriter.watches_answer());
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

}  // namespace
}  // namespace tenfold
