// When a request may be asked once more: with proof that nothing of it was begun, whatever it is; without, only what is
// safe, and only when a kept pipe or the agent's link died without a byte of an answer. Never on whose fault it was.
#include <doctest/doctest.h>

#include "broker/rules.h"
#include "public_rig.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;

namespace {

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n";
constexpr std::string_view post = "POST /a HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// From here on the visitor's next request takes a kept pipe.
void keep_a_pipe(Rig& rig) {
  rig.tunnel->tells = true;
  rig.browser_says(get);
  rig.app_says(ok);
  rig.browser->take();
  rig.app().take();
}

std::string body_of(const std::string& request) { return request.substr(request.find("\r\n\r\n") + 4); }

}  // namespace

TEST_CASE("a request of which nothing was begun is asked again, whatever its method, with its body") {
  for (const bool kept : {true, false}) {
    CAPTURE(kept);
    Rig rig;
    keep_a_pipe(rig);
    if (!kept) rig.tunnel->kept.clear();
    const std::size_t first = rig.tunnel->apps.size() - (kept ? 1 : 0);
    rig.browser_says(post);
    rig.app(first).pipe->reset(ErrorKind::unbegun);
    rig.pump();
    REQUIRE(rig.tunnel->apps.size() == first + 2);
    CHECK(rig.app(first + 1).heard.starts_with("POST /a HTTP/1.1\r\n"));
    CHECK(body_of(rig.app(first + 1).heard) == "hello");
    rig.app_says(ok, first + 1);
    CHECK(rig.browser->heard.ends_with("\r\n\r\nok"));
    CHECK(rig.visitor_pipe->left_uncredited() == 0);
  }
}

TEST_CASE("it is asked again once only, then the agent is away") {
  Rig rig;
  keep_a_pipe(rig);
  rig.browser_says(post);
  rig.app(0).pipe->reset(ErrorKind::unbegun);
  rig.pump();
  rig.app(1).pipe->reset(ErrorKind::unbegun);
  rig.pump();
  CHECK(rig.tunnel->apps.size() == 2);
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 503 "));
  CHECK(rig.browser->heard.find("Retry-After: ") != std::string::npos);
}

TEST_CASE("no word counts behind a byte of an answer") {
  Rig rig;
  keep_a_pipe(rig);
  rig.browser_says(post);
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  rig.app().pipe->reset(ErrorKind::unbegun);
  rig.pump();
  CHECK(rig.tunnel->apps.size() == 1);
  CHECK(rig.browser->cut);
}

TEST_CASE("a chunked body is asked again with its chunks and trailers, whole or with what still comes") {
  for (const bool whole : {true, false}) {
    CAPTURE(whole);
    Rig rig;
    keep_a_pipe(rig);
    rig.tunnel->kept.clear();
    rig.browser_says("POST /a HTTP/1.1\r\nHost: myapp.example.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    if (whole) rig.browser_says("4\r\ndefg\r\n0\r\nX-T: 1\r\n\r\n");
    rig.app(1).pipe->reset(ErrorKind::unbegun);
    rig.pump();
    if (!whole) rig.browser_says("4\r\ndefg\r\n0\r\nX-T: 1\r\n\r\n");
    REQUIRE(rig.tunnel->apps.size() == 3);
    http1::BodyReader body(http1::Framing{http1::Framing::Kind::chunked, 0});
    const std::string heard = body_of(rig.app(2).heard);
    std::string text;
    for (Bytes in = to_bytes(heard); !in.empty() && !body.done();) {
      const auto step = body.next(in);
      text += to_text(step.payload);
      in = in.subspan(step.taken);
    }
    CHECK(body.done());
    CHECK(text == "abcdefg");
    CHECK(body.trailers().size() == 1);
  }
}

TEST_CASE("a body that is longer than what is kept takes a fresh pipe from the start, and is not asked again") {
  const std::string length = std::to_string(limits::request_kept + 1);
  for (const std::string& framing : {"Content-Length: " + length, std::string("Transfer-Encoding: chunked")}) {
    CAPTURE(framing);
    Rig rig;
    keep_a_pipe(rig);
    rig.browser_says("POST /a HTTP/1.1\r\nHost: myapp.example.test\r\n" + framing + "\r\n\r\n");
    REQUIRE(rig.tunnel->apps.size() == 2);
    rig.browser_says(framing.starts_with("C") ? std::string() : "10001\r\n");
    rig.browser_says(std::string(limits::request_kept + 1, 'x'));
    rig.app(1).pipe->reset(ErrorKind::unbegun);
    rig.pump();
    CHECK(rig.tunnel->apps.size() == 2);
    CHECK(rig.browser->heard.starts_with("HTTP/1.1 503 "));
  }
}

TEST_CASE(
    "a kept pipe that ends before the answer of an unsafe request leaves the agent a moment to say what was done") {
  SUBCASE("nothing was begun") {
    Rig rig;
    keep_a_pipe(rig);
    rig.browser_says(post);
    rig.app().pipe->end();
    rig.pump();
    CHECK(rig.browser->heard.empty());
    rig.app().pipe->reset(ErrorKind::unbegun);
    rig.pump();
    REQUIRE(rig.tunnel->apps.size() == 2);
    CHECK(body_of(rig.app(1).heard) == "hello");
  }
  SUBCASE("it broke") {
    Rig rig;
    keep_a_pipe(rig);
    rig.browser_says(post);
    rig.app().pipe->end();
    rig.pump();
    rig.app().pipe->reset(ErrorKind::closed);
    rig.pump();
    CHECK(rig.tunnel->apps.size() == 1);
    CHECK(rig.browser->heard.starts_with("HTTP/1.1 502 "));
  }
  SUBCASE("not a word") {
    Rig rig;
    keep_a_pipe(rig);
    rig.browser_says(post);
    rig.app().pipe->end();
    rig.pump();
    rig.rt.pass(rules::verdict_time - 1ms);
    rig.pump();
    CHECK(rig.browser->heard.empty());
    rig.rt.pass(2ms);
    rig.pump();
    CHECK(rig.tunnel->apps.size() == 1);
    CHECK(rig.browser->heard.starts_with("HTTP/1.1 502 "));
  }
  SUBCASE("a fresh pipe has met no idle close") {
    Rig rig;
    keep_a_pipe(rig);
    rig.tunnel->kept.clear();
    rig.browser_says(post);
    rig.app(1).pipe->end();
    rig.pump();
    CHECK(rig.browser->heard.starts_with("HTTP/1.1 502 "));
  }
}

TEST_CASE("a safe request whose app resets a fresh pipe is not sent twice") {
  for (const ErrorKind how : {ErrorKind::closed, ErrorKind::io, ErrorKind::cancelled}) {
    Rig rig;
    rig.browser_says(get);
    rig.app().pipe->reset(how);
    rig.pump();
    CHECK(rig.tunnel->apps.size() == 1);
    CHECK(rig.browser->heard.starts_with("HTTP/1.1 502 "));
  }
}

TEST_CASE("a safe request whose link was lost is asked once more; another's visitor hears that the agent is away") {
  for (const bool safe : {true, false}) {
    CAPTURE(safe);
    Rig rig;
    rig.browser_says(safe ? get : post);
    rig.tunnel->gone_away = true;
    rig.app().pipe->reset(ErrorKind::timeout);
    rig.pump();
    CHECK(rig.tunnel->apps.size() == (safe ? 2 : 1));
    if (safe) {
      rig.app_says(ok, 1);
      CHECK(rig.browser->heard.ends_with("\r\n\r\nok"));
    } else {
      CHECK(rig.browser->heard.starts_with("HTTP/1.1 503 "));
    }
  }
}

TEST_CASE("an unsafe request takes a kept pipe like any other") {
  Rig rig;
  keep_a_pipe(rig);
  rig.rt.pass(10s);
  rig.browser_says(post);
  CHECK(rig.tunnel->apps.size() == 1);
  rig.app_says(ok);
  CHECK(rig.browser->heard.ends_with("\r\n\r\nok"));
}
