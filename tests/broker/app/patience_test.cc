// Time, row by row as docs/OPERATING.md has it: who is waited for, how long, and who is never timed out because the
// other side holds him back. All in virtual time.
#include <doctest/doctest.h>

#include "broker/rules.h"
#include "public_rig.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;

namespace {

constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n";
constexpr std::string_view post = "POST / HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 500000\r\n\r\n";
constexpr std::string_view post_chunked =
    "POST / HTTP/1.1\r\nHost: myapp.example.test\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view ok_length = "HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n";
constexpr std::string_view ok_chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
constexpr std::string_view ok_close = "HTTP/1.1 200 OK\r\n\r\n";

void pass(Rig& rig, Duration time) {
  rig.rt.pass(time);
  rig.pump();
}

// Nothing happens until just before `limit`; the caller looks at what happened right after it.
void pass_limit(Rig& rig, Duration limit) {
  pass(rig, limit - 1s);
  CHECK_FALSE(rig.browser->closed);
  CHECK_FALSE(rig.app().closed);
  CHECK_FALSE(rig.browser->ended);
  pass(rig, 2s);
}

bool logged(const Rig& rig, std::string_view event, std::string_view limit) {
  int lines = 0;
  const std::string field = "limit=" + std::string(limit);
  for (const std::string& line : rig.rt.log.lines) {
    lines += static_cast<int>(line.starts_with(event) && line.find(field) != std::string::npos);
  }
  return lines == 1;
}

}  // namespace

TEST_CASE("a sender of a body of known length may be silent for the body's time, then 408") {
  Rig rig;
  rig.browser_says(std::string(post) + "some");
  pass(rig, limits::body_idle - 1s);
  rig.browser_says("more");
  pass_limit(rig, limits::body_idle);
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 408 "));
  CHECK(rig.app().cut);
  CHECK(logged(rig, "reject reason=slow-body", "body-idle"));
}

TEST_CASE("a sender of a body of unknown length has the stream's time") {
  Rig rig;
  rig.browser_says(std::string(post_chunked) + "4\r\nsome\r\n");
  pass_limit(rig, limits::stream_idle);
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 408 "));
  CHECK(logged(rig, "reject reason=slow-body", "stream-idle"));
}

TEST_CASE("a visitor whose upload the app does not read is not timed out; the app's silence is the app's") {
  Rig rig;
  // More than the way to the app holds.
  const std::size_t size = 3 * limits::buffered_high / 2;
  rig.browser_says("POST / HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: " + std::to_string(size) +
                   "\r\n\r\n");
  rig.app().hold_back = true;
  rig.browser_says(std::string(size, 'x'));
  CHECK(rig.browser->pipe->queued() == 0);
  pass(rig, limits::body_idle + 1min);
  CHECK(rig.browser->heard.empty());
  // It reads on: its time begins again.
  rig.app().pipe->credit(std::exchange(rig.app().held, 0));
  rig.pump();
  pass_limit(rig, limits::first_byte_time);
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 504 "));
  CHECK(logged(rig, "failed", "first-byte"));
}

TEST_CASE("an app that thinks has its time from the request's last byte, and is told by a cut") {
  Rig rig;
  rig.browser_says(std::string(post) + std::string(499'999, 'x'));
  pass(rig, limits::body_idle - 1s);
  rig.browser_says("x");
  pass_limit(rig, limits::first_byte_time);
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 504 "));
  CHECK(rig.app().cut);
}

TEST_CASE("an upload that the visitor pauses is not the app's silence") {
  Rig rig;
  rig.patience.body_idle = 2 * limits::first_byte_time;
  rig.browser_says(std::string(post) + "some");
  pass_limit(rig, 2 * limits::first_byte_time);
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 408 "));
}

TEST_CASE("a visitor who waits for 100 Continue owes nothing until it comes") {
  Rig rig;
  const std::string expecting =
      "POST / HTTP/1.1\r\nHost: myapp.example.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
  rig.browser_says(expecting);
  pass(rig, limits::body_idle + 1min);
  CHECK(rig.browser->heard.empty());
  rig.app_says("HTTP/1.1 100 Continue\r\n\r\n");
  rig.browser->take();
  pass_limit(rig, limits::body_idle);
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 408 "));

  Rig silent;
  silent.browser_says(expecting);
  pass_limit(silent, limits::first_byte_time);
  CHECK(silent.browser->heard.starts_with("HTTP/1.1 504 "));
}

TEST_CASE("an answer of known length may pause for the body's time, one of unknown length for the stream's") {
  struct Row {
    std::string_view head;
    Duration limit;
    std::string_view name;
  };
  for (const Row& row :
       {Row{ok_length, limits::body_idle, "body-idle"}, Row{ok_chunked, limits::stream_idle, "stream-idle"},
        Row{ok_close, limits::stream_idle, "stream-idle"}}) {
    CAPTURE(row.name);
    Rig rig;
    rig.browser_says(get);
    rig.app_says(row.head);
    pass_limit(rig, row.limit);
    CHECK(rig.browser->cut);
    CHECK(rig.app().cut);
    CHECK(logged(rig, "failed", row.name));
  }
}

TEST_CASE("the request's side is not timed alone once the answer has begun") {
  Rig rig;
  rig.browser_says(std::string(post_chunked) + "4\r\nsome\r\n");
  rig.app_says(std::string(ok_chunked) + "4\r\nback\r\n");
  pass(rig, limits::stream_idle - 1s);
  rig.app_says("4\r\nmore\r\n");
  pass_limit(rig, limits::stream_idle);
  CHECK(rig.browser->cut);
}

TEST_CASE("an app whose answer the visitor does not take is not timed out") {
  Rig rig;
  rig.browser_says(get);
  rig.browser->hold_back = true;
  rig.app_says(std::string(ok_length) + std::string(400'000, 'x'));
  pass(rig, limits::body_idle + 1min);
  CHECK_FALSE(rig.app().closed);
  CHECK_FALSE(rig.browser->closed);
  // He takes all: from here on the app is waited for.
  rig.browser->hold_back = false;
  rig.browser->pipe->credit(std::exchange(rig.browser->held, 0));
  rig.pump();
  pass_limit(rig, limits::body_idle);
  CHECK(rig.browser->cut);
  CHECK(rig.app().cut);
  CHECK(logged(rig, "failed", "body-idle"));
}

TEST_CASE("a visitor who reads nothing has an hour, and each byte that he takes is a new one") {
  Rig rig;
  rig.browser_says(get);
  rig.browser->hold_back = true;
  rig.app_says(std::string(ok_length) + std::string(499'999, 'x'));
  pass(rig, limits::reader_idle - 1s);
  rig.browser->pipe->credit(1);
  rig.pump();
  pass_limit(rig, limits::reader_idle);
  CHECK(rig.browser->cut);
  CHECK(rig.app().cut);
  CHECK(logged(rig, "cut", "reader-idle"));
}

TEST_CASE("a visitor who reads the rest of a whole answer slowly keeps his time, too") {
  Rig rig;
  rig.browser_says("GET / HTTP/1.1\r\nHost: myapp.example.test\r\nConnection: close\r\n\r\n");
  rig.browser->hold_back = true;
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + std::string(400'000, 'x'));
  pass(rig, limits::reader_idle - 1s);
  CHECK_FALSE(rig.browser->closed);
  rig.browser->hold_back = false;
  rig.browser->pipe->credit(std::exchange(rig.browser->held, 0));
  rig.pump();
  CHECK(rig.browser->heard.size() > 400'000);
  CHECK(rig.browser->ended);
}

TEST_CASE("a visitor's FIN behind a whole request leaves the answer some seconds to begin, and to go on") {
  Rig rig;
  rig.browser->say(get);
  rig.browser->pipe->end();
  rig.pump();
  pass(rig, limits::half_close_time - 1s);
  rig.app_says(std::string(ok_chunked) + "4\r\nsome\r\n");
  pass(rig, limits::half_close_time - 1s);
  rig.app_says("4\r\nmore\r\n");
  pass(rig, limits::half_close_time - 1s);
  CHECK_FALSE(rig.app().closed);
  pass(rig, 2s);
  CHECK(rig.app().cut);
  CHECK(rig.browser->cut);
  CHECK(rig.tunnel->gone == 1);
  CHECK(logged(rig, "cut", "half-close"));
}

TEST_CASE("a visitor who said FIN and reads slowly has not left") {
  Rig rig;
  rig.browser->say(get);
  rig.browser->pipe->end();
  rig.pump();
  rig.browser->hold_back = true;
  rig.app_says(std::string(ok_length) + std::string(400'000, 'x'));
  pass(rig, 10 * limits::half_close_time);
  CHECK_FALSE(rig.browser->closed);
  rig.browser->hold_back = false;
  rig.browser->pipe->credit(std::exchange(rig.browser->held, 0));
  rig.app_says(std::string(100'000, 'x'));
  CHECK(rig.browser->heard.size() > 500'000);
  CHECK_FALSE(rig.browser->cut);
}

TEST_CASE("an upgraded connection without a byte either way ends after the stream's time") {
  Rig rig;
  rig.browser_says("GET /ws HTTP/1.1\r\nHost: myapp.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  rig.app_says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  pass(rig, limits::stream_idle * 9 / 10);
  rig.browser_says("ping");
  pass(rig, limits::stream_idle * 9 / 10);
  CHECK_FALSE(rig.browser->closed);
  pass(rig, limits::stream_idle / 2);
  CHECK(rig.browser->cut);
  CHECK(rig.app().cut);
  CHECK(logged(rig, "cut", "stream-idle"));
}

TEST_CASE("an idle connection is kept a moment longer than the visitor is told, and a listed proxy's for much longer") {
  for (const bool proxy : {false, true}) {
    CAPTURE(proxy);
    Rig rig;
    if (proxy) REQUIRE_FALSE(rig.proxies.add("203.0.113.0/24"));
    rig.connect();
    rig.browser_says(get);
    rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    CHECK(rig.browser->heard.find(proxy ? "\r\nKeep-Alive: timeout=620\r\n" : "\r\nKeep-Alive: timeout=75\r\n") !=
          std::string::npos);
    pass(rig, proxy ? rules::keep_alive_idle_proxy : limits::keep_alive_idle);
    CHECK_FALSE(rig.browser->ended);
    pass(rig, limits::keep_alive_grace + 1ms);
    CHECK(rig.browser->ended);
  }
}

TEST_CASE("an answer that closes says nothing of how long it keeps") {
  Rig rig;
  rig.browser_says("GET / HTTP/1.1\r\nHost: myapp.example.test\r\nConnection: close\r\n\r\n");
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=5\r\n\r\nok");
  CHECK(rig.browser->heard.find("Keep-Alive") == std::string::npos);
}

TEST_CASE("what the app says of its own keep-alive bounds how long its pipe is kept") {
  struct Row {
    std::string_view field;
    Duration keep;
  };
  for (const Row& row : {Row{"Keep-Alive: timeout=5\r\n", 4s}, Row{"Keep-Alive: max=10, timeout=8\r\n", 7s},
                         Row{"Keep-Alive: timeout=1\r\n", 500ms}, Row{"", Duration::max()},
                         Row{"Keep-Alive: timeout=soon\r\n", Duration::max()}}) {
    CAPTURE(row.field);
    Rig rig;
    rig.browser_says(get);
    rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + std::string(row.field) + "\r\nok");
    REQUIRE(rig.tunnel->kept.size() == 1);
    CHECK(rig.tunnel->kept_for == row.keep);
  }
}

TEST_CASE("a pipe on which an answer without a body spoke of one is not kept") {
  struct Row {
    std::string_view method;
    std::string_view answer;
    bool kept;
  };
  for (const Row& row :
       {Row{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", false},
        Row{"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false},
        Row{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
        Row{"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", false},
        Row{"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", false},
        Row{"GET", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", false},
        Row{"GET", "HTTP/1.1 204 No Content\r\n\r\n", true}, Row{"GET", "HTTP/1.1 304 Not Modified\r\n\r\n", true},
        Row{"GET", "HTTP/1.1 204 No Content\r\n\r\nbrought", false}}) {
    CAPTURE(row.method);
    CAPTURE(row.answer);
    Rig rig;
    rig.browser_says(std::string(row.method) + " / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n");
    rig.app_says(row.answer);
    CHECK(rig.tunnel->kept.size() == (row.kept ? 1 : 0));
    // The body that comes late reaches nobody.
    rig.app_says("careless");
    rig.browser->take();
    rig.browser_says(get);
    CHECK(rig.browser->heard.empty());
  }
}

TEST_CASE(
    "an upload goes on being read for a while behind an early answer, so that the answer is not lost to a reset") {
  Rig rig;
  rig.browser_says(std::string(post) + "some");
  rig.app_says("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 413 "));
  CHECK(rig.browser->ended);
  for (int i = 0; i < 10; ++i) {
    pass(rig, limits::linger_time / 2);
    rig.browser_says("more");
    CHECK_FALSE(rig.browser->closed);
  }
  pass(rig, limits::linger_time + 1s);
  CHECK(rig.visitor_closed);
}

TEST_CASE("a visitor who sends on and on behind his answer is cut at last") {
  Rig rig;
  rig.browser_says(std::string(post) + "some");
  rig.app_says("HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
  for (Duration passed{}; passed < limits::linger_most && !rig.visitor_closed; passed += 1s) {
    pass(rig, 1s);
    if (!rig.visitor_closed) rig.browser_says("more");
  }
  CHECK(rig.visitor_closed);
}
