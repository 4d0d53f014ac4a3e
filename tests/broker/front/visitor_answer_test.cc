// From the app to the visitor: framing for each kind of visitor, upgrades, failures before and after the head.
#include <doctest/doctest.h>

#include "public_rig.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;

namespace {

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n";
constexpr std::string_view get_10 = "GET / HTTP/1.0\r\nHost: myapp.example.test\r\n\r\n";
constexpr std::string_view upgrade =
    "GET /ws HTTP/1.1\r\nHost: myapp.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
constexpr std::string_view kept = "Keep-Alive: timeout=75\r\n";
constexpr std::string_view switched =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

// The answer, with the field that says how long the connection is kept taken out where it stands.
std::string without_kept(std::string heard) {
  const std::size_t at = heard.find(kept);
  return at == std::string::npos ? heard : heard.erase(at, kept.size());
}

std::string answer_to(std::string_view request, std::string_view answer, bool app_ends = false) {
  Rig rig;
  rig.browser_says(request);
  rig.app().say(answer);
  if (app_ends) rig.app().pipe->end();
  rig.pump();
  return without_kept(rig.browser->take());
}

}  // namespace

TEST_CASE("an answer arrives however it is cut") {
  const std::string answer =
      "HTTP/1.1 200 Fine\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-T: 1\r\n\r\n";
  for (const std::size_t chop : {1, 3, 5, 1000}) {
    CAPTURE(chop);
    Rig rig;
    rig.browser_says(get);
    rig.app_says(answer, 0, chop);
    const std::string heard = without_kept(rig.browser->take());
    CHECK(heard.starts_with("HTTP/1.1 200 Fine\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"));
    http1::BodyReader body(http1::Framing{http1::Framing::Kind::chunked, 0});
    std::string text;
    for (Bytes in = to_bytes(heard).subspan(heard.find("\r\n\r\n") + 4); !in.empty();) {
      const auto step = body.next(in);
      text += to_text(step.payload);
      in = in.subspan(step.taken);
    }
    CHECK(body.done());
    CHECK(text == "abcdefg");
    CHECK(body.trailers().size() == 1);
    CHECK(rig.tunnel->kept.size() == 1);
    CHECK(rig.tunnel->pipes[0]->left_uncredited() == 0);
  }
}

TEST_CASE("a chunked answer to HTTP/1.0 ends with the connection") {
  const std::string heard =
      answer_to(get_10, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  CHECK(heard == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
}

TEST_CASE("an answer that ends with the app's connection is chunked for HTTP/1.1") {
  const std::string heard = answer_to(get, "HTTP/1.1 200 OK\r\n\r\nabc", true);
  CHECK(heard == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
}

TEST_CASE("HEAD, 204 and 304 have no body and keep the connection") {
  const std::string head = "HEAD / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n";
  CHECK(answer_to(head, "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n") ==
        "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
  CHECK(answer_to(get, "HTTP/1.1 204 No Content\r\n\r\n") == "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(answer_to(get, "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: \"x\"\r\n\r\n") ==
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: \"x\"\r\n\r\n");
}

TEST_CASE("interim answers pass to HTTP/1.1, never to HTTP/1.0, and not without end") {
  const std::string_view both =
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  CHECK(answer_to(get, both) == std::string(both));
  CHECK(answer_to(get_10, both) == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  std::string endless;
  for (int i = 0; i < 40; ++i) endless += "HTTP/1.1 102 Processing\r\n\r\n";
  Rig rig;
  rig.browser_says(get);
  rig.app_says(endless);
  CHECK(rig.app().cut);
  CHECK(rig.browser->heard.find("HTTP/1.1 502 ") != std::string::npos);
}

TEST_CASE("interim answers have a cap of bytes, all of them together, and the final one has its own") {
  const std::string hint = "HTTP/1.1 103 Early Hints\r\nLink: " + std::string(10'000, 'x') + "\r\n\r\n";
  const std::string last = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + std::string(40'000, 'x') + "\r\n\r\n";
  CHECK(answer_to(get, hint + hint + hint + last).find("HTTP/1.1 200 OK\r\n") != std::string::npos);
  CHECK(answer_to(get, hint + hint + hint + hint + last).find("HTTP/1.1 502 ") != std::string::npos);
  CHECK(answer_to(get, "HTTP/1.1 103 Early Hints\r\nLink: " + std::string(40'000, 'x') + "\r\n\r\n" + last)
            .starts_with("HTTP/1.1 502 "));
}

TEST_CASE("Expect: 100-continue travels to the app, and its 100 back") {
  Rig rig;
  rig.browser_says("POST / HTTP/1.1\r\nHost: myapp.example.test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(rig.app().heard.find("Expect: 100-continue\r\n") != std::string::npos);
  rig.app_says("HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(rig.browser->take() == "HTTP/1.1 100 Continue\r\n\r\n");
  rig.browser_says("ok");
  CHECK(rig.app().heard.ends_with("\r\n\r\nok"));
}

TEST_CASE("a WebSocket's early message waits for the app's 101 and is not lost") {
  Rig rig;
  rig.browser_says(std::string(upgrade) + "early");
  CHECK(rig.app().heard.find("Upgrade: websocket\r\n") != std::string::npos);
  CHECK(rig.app().heard.ends_with("\r\n\r\n"));
  rig.app_says(std::string(switched) + "hello");
  CHECK(rig.app().heard.ends_with("\r\n\r\nearly"));
  CHECK(rig.browser->take() == std::string(switched) + "hello");
  rig.browser_says("more");
  CHECK(rig.app().heard.ends_with("earlymore"));
  CHECK(rig.visitor_pipe->left_uncredited() == 0);
  CHECK(rig.tunnel->pipes[0]->left_uncredited() == 0);
  rig.browser->pipe->end();
  rig.pump();
  CHECK(rig.app().ended);
  rig.app_says("last");
  CHECK(rig.browser->heard == "last");
  rig.app().pipe->end();
  rig.pump();
  CHECK(rig.visitor_closed);
  CHECK(rig.tunnel->gone == 1);
}

TEST_CASE("an upgrade that the app declines leaves plain HTTP") {
  Rig rig;
  rig.browser_says(std::string(upgrade) + std::string(get));
  rig.app_says("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
  CHECK(rig.browser->take().starts_with("HTTP/1.1 426 "));
  CHECK(rig.tunnel->opened == 2);
  CHECK(rig.app().heard.find("GET / HTTP/1.1\r\n") != std::string::npos);
}

TEST_CASE("a 101 that nobody asked for, or to another protocol, is a fault of the app") {
  Rig rig;
  rig.browser_says(get);
  rig.app_says(switched);
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 502 "));
  CHECK(rig.app().cut);
  Rig other;
  other.browser_says(upgrade);
  other.app_says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  CHECK(other.browser->heard.starts_with("HTTP/1.1 502 "));
}

TEST_CASE("an app's 426 says what it wants spoken, but not to HTTP/1.0, and never h2c") {
  const std::string answer =
      "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket, x/1\r\nContent-Length: "
      "0\r\n\r\n";
  const std::string heard = answer_to(get, answer);
  CHECK(heard.find("\r\nConnection: Upgrade\r\nUpgrade: websocket, x/1\r\n") != std::string::npos);
  CHECK(answer_to(get_10, answer).find("Upgrade: ") == std::string::npos);
  CHECK(answer_to(get, "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n").find("Upgrade") ==
        std::string::npos);
}

TEST_CASE("an answer with bare LF, equal lengths, a higher version or raw bytes is taken, and written anew") {
  const std::string heard =
      answer_to(get, "HTTP/1.3 200\nContent-Length: 2\nX: caf\xc3\xa9\r\nContent-Length: 2, 2\n\nok");
  CHECK(heard == "HTTP/1.1 200 OK\r\nX: caf\xc3\xa9\r\nContent-Length: 2\r\n\r\nok");
  const std::string to_head = answer_to("HEAD / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n",
                                        "HTTP/1.1 200 OK\nContent-Length: 2\nX: y\nContent-Length: 2\n\n");
  CHECK(to_head == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\n");
}

TEST_CASE("an answer's head of nearly 128 KiB and of 256 fields passes, a larger one is a 502 that says so") {
  std::string fields;
  for (std::size_t i = 2; i < limits::answer_fields; ++i) fields += "X-" + std::to_string(i) + ": y\r\n";
  const std::string start = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + fields + "Y: ";
  const std::string whole = start + std::string(limits::answer_head_bytes - start.size() - 4, 'y') + "\r\n\r\n";
  CHECK(answer_to(get, whole).starts_with("HTTP/1.1 200 "));
  CHECK(answer_to(get, start + "y\r\nZ: z\r\n\r\n").find("more than 256 fields") != std::string::npos);
  CHECK(answer_to(get, start + std::string(limits::answer_head_bytes, 'y')).find("more than 128 KiB") !=
        std::string::npos);
}

TEST_CASE("h2c is never asked of the app") {
  Rig rig;
  rig.browser_says(
      "GET / HTTP/1.1\r\nHost: myapp.example.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: "
      "h2c\r\nHTTP2-Settings: x\r\n\r\n");
  CHECK(rig.app().heard.find("pgrade") == std::string::npos);
  CHECK(rig.app().heard.find("HTTP2-Settings") == std::string::npos);
}

TEST_CASE("a visitor who does not read stops the app at the window") {
  Rig rig;
  rig.browser_says(get);
  rig.browser->hold_back = true;
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 8000000\r\n\r\n" + std::string(4 * 1024 * 1024, 'x'));
  CHECK(rig.browser->held <= limits::buffered_high);
  CHECK(rig.tunnel->pipes[0]->left_uncredited() <= limits::buffered_high);
  // The app is not to blame for the pause; a visitor who takes nothing for so long is cut.
  rig.rt.pass(limits::reader_idle - 1s);
  rig.pump();
  CHECK_FALSE(rig.browser->cut);
  rig.rt.pass(2s);
  rig.pump();
  CHECK(rig.browser->cut);
  CHECK(rig.app().cut);
}

TEST_CASE("an app that breaks before its answer is a 502 that names the cause in the reader's form") {
  Rig rig;
  rig.browser_says(
      "POST / HTTP/1.1\r\nHost: myapp.example.test\r\nAccept: application/json\r\nContent-Length: 0\r\n\r\n");
  rig.app().pipe->reset(ErrorKind::refused);
  rig.pump();
  const std::string heard = rig.browser->take();
  CHECK(heard.starts_with("HTTP/1.1 502 "));
  CHECK(heard.find("\"code\":\"app-refused\"") != std::string::npos);
  CHECK_FALSE(rig.browser->ended);
  rig.browser_says("GET / HTTP/1.1\r\nHost: nobody.example.test\r\nAccept: text/html\r\n\r\n");
  CHECK(rig.browser->take().find("<!doctype html>") != std::string::npos);
}

TEST_CASE("an answer cut after its head is a visible cut, never a clean end") {
  for (const std::string_view head : {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
                                      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}) {
    Rig rig;
    rig.browser_says(get);
    rig.app_says(head);
    rig.app().pipe->end();
    rig.pump();
    CHECK(rig.browser->cut);
    CHECK(rig.browser->heard.find("\r\n0\r\n\r\n") == std::string::npos);
  }
}

TEST_CASE("a safe request whose kept pipe died unnoticed is tried once more, another is not") {
  for (const bool safe : {true, false}) {
    CAPTURE(safe);
    Rig rig;
    rig.browser_says(get);
    rig.app_says("HTTP/1.1 204 No Content\r\n\r\n");
    rig.browser->take();
    rig.browser_says(safe ? get : "POST / HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 0\r\n\r\n");
    rig.app().pipe->end();
    rig.pump();
    CHECK(rig.tunnel->apps.size() == (safe ? 2 : 1));
    if (safe) {
      rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 1);
      CHECK(rig.browser->heard.ends_with("ok"));
    } else {
      CHECK(rig.browser->heard.starts_with("HTTP/1.1 502 "));
    }
  }
}

TEST_CASE("a silent app is a 504 after its time") {
  Rig rig;
  rig.browser_says(get);
  rig.rt.pass(limits::first_byte_time - 1s);
  rig.pump();
  CHECK(rig.browser->heard.empty());
  rig.rt.pass(2s);
  rig.pump();
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 504 "));
}

TEST_CASE("a stream of events may be silent for long, a body of known length may not") {
  Rig rig;
  rig.browser_says(get);
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
  rig.rt.pass(10min);
  rig.app_says("data: 2\n\n");
  CHECK(rig.browser->heard.find("data: 2") != std::string::npos);
  rig.connect();
  rig.browser_says(get);
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", 1);
  rig.rt.pass(limits::body_idle + 1s);
  rig.pump();
  CHECK(rig.browser->cut);
}

TEST_CASE("an app that answers before the body's end is not used again") {
  Rig rig;
  rig.browser_says("POST / HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 100\r\n\r\nabc");
  rig.app_says("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 413 "));
  CHECK(rig.browser->heard.find("Connection: close\r\n") != std::string::npos);
  CHECK(rig.browser->ended);
  CHECK(rig.tunnel->kept.empty());
}

TEST_CASE("bytes behind an answer spoil the pipe for the next request") {
  Rig rig;
  rig.browser_says(get);
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nevil");
  CHECK(rig.browser->heard.ends_with("\r\n\r\nok"));
  CHECK(rig.tunnel->kept.empty());
}

TEST_CASE("an answer that is not HTTP is a 502") {
  for (const std::string_view bad : {"SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n",
                                     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"}) {
    CAPTURE(bad);
    CHECK(answer_to(get, bad).starts_with("HTTP/1.1 502 "));
  }
}

TEST_CASE("a full or absent tunnel is a 503 with Retry-After") {
  for (const Error& why :
       {Error{ErrorKind::limit, "x", Origin::broker}, Error{ErrorKind::closed, "x", Origin::agent}}) {
    Rig rig;
    rig.tunnel->refuse_with = why;
    rig.browser_says(get);
    CHECK(rig.browser->heard.starts_with("HTTP/1.1 503 "));
    CHECK(rig.browser->heard.find("Retry-After: ") != std::string::npos);
  }
}

TEST_CASE("draining finishes the request that runs and closes") {
  Rig rig;
  rig.browser_says(get);
  rig.visitor->drain();
  rig.pump();
  CHECK_FALSE(rig.browser->ended);
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(rig.browser->heard.find("Connection: close\r\n") != std::string::npos);
  CHECK(rig.browser->ended);
  Rig idle;
  idle.visitor->drain();
  idle.pump();
  CHECK(idle.browser->ended);
}

TEST_CASE("a malformed request behind an answered one gets its 400, and the answer stays whole") {
  Rig rig;
  rig.browser_says(std::string(get) + "BAD\r\n\r\n");
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const std::string heard = rig.browser->take();
  CHECK(heard.find("\r\n\r\nokHTTP/1.1 400 ") != std::string::npos);
  CHECK_FALSE(rig.browser->cut);
}

TEST_CASE("an answer that a pool's agent gives in its app's place is told as a failure") {
  Rig rig;
  rig.browser_says(get);
  rig.app_says("HTTP/1.1 502 Bad Gateway\r\nTenfold-Cause: app-refused\r\nContent-Length: 2\r\n\r\nno");
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 502 "));
  CHECK(rig.browser->heard.ends_with("no"));
  CHECK(rig.metrics.failures("app-refused") == 1);
  CHECK(rig.rt.log.lines.back().starts_with("failed tunnel=myapp code=app-refused "));

  // An app's own word of that kind counts for nothing, nor does one of a link's stream.
  Rig other;
  other.browser_says(get);
  other.app_says("HTTP/1.1 200 OK\r\nTenfold-Cause: app-refused\r\nContent-Length: 2\r\n\r\nok");
  other.browser_says(get);
  other.app_says("HTTP/1.1 502 Bad Gateway\r\nTenfold-Cause: no-such-code\r\nContent-Length: 2\r\n\r\nno");
  other.tunnel->tells = true;
  other.browser_says(get);
  other.app_says("HTTP/1.1 502 Bad Gateway\r\nTenfold-Cause: app-refused\r\nContent-Length: 2\r\n\r\nno");
  CHECK(other.metrics.requests(Outcome::served) == 3);
}

TEST_CASE("of an answer that is not HTTP the log names the first bytes, and what they may be") {
  struct Case {
    std::string said;
    const char* seen;
    const char* guess;
  };
  const std::string settings("\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64", 15);
  for (const Case& each :
       {Case{std::string("\x15\x03\x03\0\x02\x02\x0a", 7), "\\x15\\x03\\x03", "TLS"},
        Case{settings, "\\x00\\x00\\x12\\x04", "HTTP/2"}, Case{"Unauthorized", "Unauthorized", ""}}) {
    for (const bool ends : {false, true}) {
      CAPTURE(each.seen);
      CAPTURE(ends);
      Rig rig;
      rig.browser_says(get);
      rig.app_says(each.said + (ends ? "" : "\r\n\r\n"));
      if (ends) rig.app().pipe->end();
      rig.pump();
      CHECK(rig.browser->heard.starts_with("HTTP/1.1 502 "));
      CHECK(rig.metrics.failures("app-bad-answer") == 1);
      const std::string& line = rig.rt.log.lines.back();
      CHECK(line.find(each.seen) != std::string::npos);
      CHECK(line.find(each.guess) != std::string::npos);
    }
  }
}

TEST_CASE("an agent that has nothing to spare is not the app's fault") {
  Rig rig;
  rig.browser_says(get);
  rig.app().pipe->reset(ErrorKind::limit);
  rig.pump();
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 503 "));
  CHECK(rig.metrics.failures("agent-busy") == 1);
}
