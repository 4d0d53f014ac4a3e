// From the visitor to the app: what gets there, what does not, and in which shape.
#include <doctest/doctest.h>

#include <array>

#include "http1/head_reader.h"
#include "public_rig.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;

namespace {

constexpr std::string_view get = "GET /a?b=c HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n";

// The request that the app heard, parsed.
struct Heard {
  explicit Heard(Ear& app) {
    const std::size_t taken = reader.feed(to_bytes(app.heard));
    REQUIRE(reader.done());
    rest = app.heard.substr(taken);
  }
  std::string_view field(std::string_view name) const {
    const http::Field* found = http::find(reader.request().fields, name);
    return found == nullptr ? std::string_view("(none)") : found->value;
  }
  http1::HeadReader reader{http1::HeadReader::Kind::request};
  std::string rest;
};

std::string refusal(std::string_view request) {
  Rig rig;
  rig.browser_says(request);
  CHECK(rig.tunnel->opened == 0);
  CHECK(rig.browser->ended);
  return rig.browser->heard.substr(9, 3);
}

}  // namespace

TEST_CASE("a request reaches the app with its path byte for byte") {
  Rig rig;
  rig.browser_says("GET /%2e%2e/A//b?q=%zz;x HTTP/1.1\r\nHost: MyApp.Example.Test:7080\r\nX-One: 1\r\n\r\n");
  const Heard heard(rig.app());
  CHECK(heard.reader.request().target == "/%2e%2e/A//b?q=%zz;x");
  CHECK(heard.field("Host") == "MyApp.Example.Test:7080");
  CHECK(heard.field("X-One") == "1");
  CHECK(heard.rest.empty());
}

TEST_CASE("the app learns who asked, and what a visitor claims of that is replaced") {
  Rig rig;
  rig.browser_says(
      "GET / HTTP/1.1\r\nHost: myapp.example.test\r\nX-Forwarded-For: 1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\n"
      "Forwarded: for=1.1.1.1\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Host: other\r\n\r\n");
  const Heard heard(rig.app());
  CHECK(heard.field("X-Forwarded-For") == "203.0.113.9");
  CHECK(heard.field("X-Forwarded-Proto") == "https");
  CHECK(heard.field("X-Forwarded-Host") == "myapp.example.test");
  CHECK(heard.field("X-Real-IP") == "(none)");
  CHECK(heard.field("Forwarded") == "(none)");
  CHECK(heard.field("X-Request-Id").size() == 16);
}

TEST_CASE("of a visitor who came by a unix socket the agent learns no address, and the app this machine's") {
  Rig rig;
  rig.browser_says(get);
  CHECK(rig.tunnel->peer == "203.0.113.9:1234");
  rig.connect(unix_peer);
  rig.browser_says("GET / HTTP/1.1\r\nHost: myapp.example.test\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n");
  CHECK(rig.tunnel->peer.empty());
  CHECK(Heard(rig.app(1)).field("X-Forwarded-For") == "127.0.0.1");
}

TEST_CASE("a listed proxy's word about the visitor counts and is passed on") {
  Rig rig;
  REQUIRE_FALSE(rig.proxies.add("203.0.113.0/24"));
  rig.connect();
  rig.browser_says(
      "GET / HTTP/1.1\r\nHost: myapp.example.test\r\nX-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: http\r\n\r\n");
  const Heard heard(rig.app());
  CHECK(heard.field("X-Forwarded-For") == "198.51.100.7, 203.0.113.9");
  CHECK(heard.field("X-Forwarded-Proto") == "http");
}

TEST_CASE("a listed proxy's word in several fields is one list") {
  Rig rig;
  REQUIRE_FALSE(rig.proxies.add("203.0.113.0/24"));
  rig.connect();
  rig.browser_says(
      "GET / HTTP/1.1\r\nHost: myapp.example.test\r\nX-Forwarded-For: 192.0.2.1, 192.0.2.2\r\n"
      "X-Forwarded-For: 198.51.100.7\r\n\r\n");
  CHECK(Heard(rig.app()).field("X-Forwarded-For") == "192.0.2.1, 192.0.2.2, 198.51.100.7, 203.0.113.9");
}

TEST_CASE("hop-by-hop fields, and those that Connection names, stop at the broker") {
  Rig rig;
  rig.browser_says(
      "GET / HTTP/1.1\r\nHost: myapp.example.test\r\nConnection: keep-alive, X-Secret\r\nX-Secret: 1\r\nTE: "
      "trailers\r\n"
      "Keep-Alive: timeout=5\r\nProxy-Authorization: Basic eA==\r\nX-Kept: 1\r\n\r\n");
  const Heard heard(rig.app());
  for (const char* name : {"Connection", "X-Secret", "TE", "Keep-Alive", "Proxy-Authorization"}) {
    CAPTURE(name);
    CHECK(heard.field(name) == "(none)");
  }
  CHECK(heard.field("X-Kept") == "1");
}

TEST_CASE("a request cut in any way reaches the app the same") {
  const std::string request =
      "POST /up HTTP/1.1\r\nHost: myapp.example.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n "
      "world\r\n0\r\n\r\n";
  for (const std::size_t chop : {1, 2, 3, 7, 64, 4096}) {
    CAPTURE(chop);
    Rig rig;
    rig.browser_says(request, chop);
    const Heard heard(rig.app());
    CHECK(heard.field("Transfer-Encoding") == "chunked");
    CHECK(heard.field("Content-Length") == "(none)");
    http1::BodyReader body(http1::Framing{http1::Framing::Kind::chunked, 0});
    std::string text;
    for (Bytes in = to_bytes(heard.rest); !in.empty() && !body.done();) {
      const auto step = body.next(in);
      text += to_text(step.payload);
      in = in.subspan(step.taken);
    }
    CHECK(body.done());
    CHECK(text == "hello world");
  }
}

TEST_CASE("a body of known length goes through whole and every byte of credit comes back") {
  Rig rig;
  const std::string body(300 * 1024, 'x');
  rig.browser_says("POST / HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: " + std::to_string(body.size()) +
                   "\r\n\r\n" + body);
  const Heard heard(rig.app());
  CHECK(heard.rest == body);
  CHECK(rig.visitor_pipe->left_uncredited() == 0);
}

TEST_CASE("an app that does not read stops the visitor at the window") {
  Rig rig;
  rig.browser_says("POST / HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 10000000\r\n\r\n");
  rig.app().hold_back = true;
  rig.browser_says(std::string(4 * 1024 * 1024, 'x'));
  CHECK(rig.visitor_pipe->left_uncredited() <= limits::buffered_high);
  CHECK(rig.app().held <= 2 * limits::buffered_high);
  CHECK(rig.browser->pipe->queued() > 3 * 1024 * 1024);
}

TEST_CASE("trailers go on, those that frame, route or authenticate do not") {
  Rig rig;
  rig.browser_says(
      "POST / HTTP/1.1\r\nHost: myapp.example.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 7\r\n"
      "Host: evil\r\nContent-Length: 9\r\nAuthorization: x\r\n\r\n");
  const Heard heard(rig.app());
  CHECK(heard.rest == "1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\n");
}

TEST_CASE("pipelined requests are answered in order, one at a time") {
  Rig rig;
  rig.browser_says(std::string(get) + "GET /second HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n");
  CHECK(rig.tunnel->opened == 1);
  rig.app().take();
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
  CHECK(rig.tunnel->opened == 2);
  CHECK(rig.app().heard.starts_with("GET /second "));
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
  const std::string heard = rig.browser->take();
  CHECK(heard.find("\r\n\r\n1HTTP/1.1 200 OK") != std::string::npos);
  CHECK(heard.ends_with("\r\n\r\n2"));
  CHECK(rig.visitor_pipe->left_uncredited() == 0);
}

TEST_CASE("a visitor that asks on and on without reading is not served on and on") {
  Rig rig;
  rig.browser->hold_back = true;
  std::string requests;
  for (int i = 0; i < 100; ++i) requests += get;
  rig.browser_says(requests);
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + std::string(200000, 'x');
  for (int i = 0; i < 100; ++i) rig.app_says(answer);
  const std::string heard = rig.app().take();
  std::size_t served = 0;
  for (std::size_t at = heard.find("GET "); at != std::string::npos; at = heard.find("GET ", at + 1)) ++served;
  CHECK(served < 5);
}

TEST_CASE("each request of a connection is routed by its own Host") {
  Rig rig;
  rig.browser_says(get);
  rig.app_says("HTTP/1.1 204 No Content\r\n\r\n");
  rig.browser->take();
  rig.browser_says("GET / HTTP/1.1\r\nHost: nobody.example.test\r\n\r\n");
  CHECK(rig.browser->take().starts_with("HTTP/1.1 404 "));
  rig.browser_says("GET /api/status HTTP/1.1\r\nHost: example.test\r\n\r\n");
  CHECK(rig.browser->take().find("\"tunnels\":1") != std::string::npos);
}

TEST_CASE("what could split or smuggle a request is refused, and the app hears nothing") {
  const std::string host = "Host: myapp.example.test\r\n";
  CHECK(refusal("GET / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") ==
        "400");
  CHECK(refusal("GET / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx") == "400");
  CHECK(refusal("GET / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip\r\n\r\n") == "501");
  CHECK(refusal("GET / HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == "400");
  CHECK(refusal("GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\n\r\n") == "400");
  CHECK(refusal("GET / HTTP/1.1\nHost: myapp.example.test\n\n") == "400");
  CHECK(refusal("GET / HTTP/1.1\r\n\r\n") == "400");
  CHECK(refusal("GET / HTTP/1.1\r\n" + host + host + "\r\n") == "400");
  CHECK(refusal("GET / HTTP/1.1\r\n" + host + "Bad : x\r\n\r\n") == "400");
  CHECK(refusal("CONNECT myapp.example.test:80 HTTP/1.1\r\n" + host + "\r\n") == "405");
  CHECK(refusal("GET http://other.example.test/ HTTP/1.1\r\n" + host + "\r\n") == "400");
}

TEST_CASE("an absolute target becomes its path") {
  Rig rig;
  rig.browser_says("GET http://myapp.example.test/x?y HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n");
  CHECK(rig.app().heard.starts_with("GET /x?y HTTP/1.1\r\n"));
}

TEST_CASE("an absolute target's host is the Host where there is none") {
  Rig rig;
  rig.browser_says("GET http://myapp.example.test/abs HTTP/1.0\r\n\r\n");
  CHECK(rig.app().heard.starts_with("GET /abs HTTP/1.1\r\n"));
  const Heard heard(rig.app());
  CHECK(heard.field("Host") == "myapp.example.test");
  CHECK(heard.field("X-Forwarded-Host") == "myapp.example.test");
  CHECK(refusal("GET /abs HTTP/1.0\r\n\r\n") == "400");
}

TEST_CASE("an absolute target may have no path, or a port that the scheme means anyway") {
  const std::string h = "myapp.example.test";
  for (const auto& [method, target, host, origin] :
       {std::array{std::string("GET"), "http://" + h + "?q=/", h, std::string("/?q=/")},
        {std::string("GET"), "http://" + h, h, std::string("/")},
        {std::string("GET"), "http://" + h + ":80/x", h, std::string("/x")},
        {std::string("GET"), "http://" + h + "/x", h + ":80", std::string("/x")},
        {std::string("GET"), "http://" + h + ":/x", h, std::string("/x")},
        {std::string("GET"), "HTTPS://" + h + ":443/x", h, std::string("/x")},
        {std::string("GET"), "http://MyApp.example.test:7080/x", h + ":7080", std::string("/x")},
        {std::string("OPTIONS"), "http://" + h, h, std::string("*")},
        {std::string("OPTIONS"), "http://" + h + "/", h, std::string("/")},
        {std::string("OPTIONS"), "http://" + h + "?q", h, std::string("/?q")}}) {
    CAPTURE(target);
    Rig rig;
    rig.browser_says(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    REQUIRE(rig.tunnel->opened == 1);
    CHECK(rig.app().heard.starts_with(method + " " + origin + " HTTP/1.1\r\n"));
  }
  for (const char* target : {"http://myapp.example.test:443/", "https://myapp.example.test:80/",
                             "http://myapp.example.test:8080/", "ftp://myapp.example.test/", "http://example.test/"}) {
    CAPTURE(target);
    CHECK(refusal(std::string("GET ") + target + " HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n") == "400");
  }
}

TEST_CASE("the broker's own pages can be asked for by an absolute target") {
  Rig rig;
  rig.browser_says("GET http://example.test/api/status HTTP/1.1\r\nHost: example.test\r\n\r\n");
  CHECK(rig.browser->take().find("\"tunnels\":1") != std::string::npos);
  rig.connect();
  rig.browser_says("GET http://example.test:80/api/status HTTP/1.0\r\n\r\n");
  CHECK(rig.browser->take().find("\"tunnels\":1") != std::string::npos);
}

TEST_CASE("raw bytes from 0x80 up in a target reach the app as they are") {
  Rig rig;
  rig.browser_says("GET /caf\xc3\xa9?\xff HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n");
  CHECK(rig.app().heard.starts_with("GET /caf\xc3\xa9?\xff HTTP/1.1\r\n"));
}

TEST_CASE("a Connection that names what routes or frames is refused; one that names Via takes nothing away") {
  const std::string host = "Host: myapp.example.test\r\n";
  CHECK(refusal("GET / HTTP/1.1\r\n" + host + "Connection: Host\r\n\r\n") == "400");
  CHECK(refusal("POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nConnection: Content-Length\r\n\r\nx") == "400");
  Rig rig;
  rig.browser_says("GET / HTTP/1.1\r\n" + host + "Via: 1.1 other\r\nConnection: close, Via\r\n\r\n");
  CHECK(Heard(rig.app()).field("Via") == "1.1 other");
}

TEST_CASE("answers of ours have a Date, a 405 an Allow, and a HEAD no body") {
  const std::string host = "Host: myapp.example.test\r\n";
  for (const std::string& request :
       {"GET / HTTP/1.1\r\n" + host + host + "\r\n", std::string("GET / HTTP/1.1\r\nHost: nobody.example.test\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n"), "CONNECT a:1 HTTP/1.1\r\n" + host + "\r\n"}) {
    CAPTURE(request);
    Rig rig;
    rig.browser_says(request);
    const std::size_t date = rig.browser->heard.find("\r\nDate: ");
    REQUIRE(date != std::string::npos);
    CHECK(rig.browser->heard.substr(date + 8 + 25, 6) == " GMT\r\n");
    CHECK((rig.browser->heard.find("\r\nAllow: GET, ") != std::string::npos) == request.starts_with("CONNECT"));
  }
  for (const std::string& request :
       {"HEAD / HTTP/1.1\r\n" + host + host + "\r\n", "HEAD / HTTP/1.1\r\n" + host + "X : y\r\n\r\n",
        "HEAD / HTTP/2.0\r\n" + host + "\r\n", "HEAD / HTTP/1.1\r\n" + host + "Content-Length: x\r\n\r\n"}) {
    CAPTURE(request);
    Rig rig;
    rig.browser_says(request);
    CHECK(rig.browser->heard.ends_with("\r\n\r\n"));
    CHECK(rig.browser->heard.find("\r\nContent-Length: 0\r\n") == std::string::npos);
  }
}

TEST_CASE("an OPTIONS or TRACE whose hops have run out is answered here") {
  const std::string host = "Host: myapp.example.test\r\n";
  Rig rig;
  rig.browser_says("OPTIONS / HTTP/1.1\r\n" + host + "Max-Forwards: 0\r\n\r\n");
  std::string heard = rig.browser->take();
  CHECK(heard.starts_with("HTTP/1.1 200 "));
  CHECK(heard.find("\r\nAllow: GET, ") != std::string::npos);
  rig.browser_says("TRACE /x HTTP/1.1\r\n" + host + "Max-Forwards: 0\r\nCookie: secret\r\nX-A: b\r\n\r\n");
  heard = rig.browser->take();
  CHECK(heard.find("\r\nContent-Type: message/http\r\n") != std::string::npos);
  CHECK(heard.ends_with("\r\n\r\nTRACE /x HTTP/1.1\r\n" + host + "Max-Forwards: 0\r\nX-A: b\r\n\r\n"));
  CHECK(rig.tunnel->opened == 0);
  rig.browser_says("OPTIONS / HTTP/1.1\r\n" + host + "Max-Forwards: 1\r\n\r\n");
  CHECK(Heard(rig.app()).field("Max-Forwards") == "0");
}

TEST_CASE("a request id of a listed proxy is the request's own, another visitor's is not") {
  const std::string request = "GET / HTTP/1.1\r\nHost: nobody.example.test\r\nX-Request-Id: his-own\r\n\r\n";
  Rig rig;
  rig.browser_says(request);
  CHECK(rig.browser->take().find("his-own") == std::string::npos);
  REQUIRE_FALSE(rig.proxies.add("203.0.113.0/24"));
  rig.connect();
  rig.browser_says(request);
  CHECK(rig.browser->take().find("\r\nX-Request-Id: his-own\r\n") != std::string::npos);
  // Of one that is refused, too.
  rig.browser_says(
      "POST / HTTP/1.1\r\nHost: myapp.example.test\r\nX-Request-Id: his-own\r\nTransfer-Encoding: "
      "chunked\r\n\r\nx\r\n");
  const std::string refused = rig.browser->take();
  CHECK(refused.starts_with("HTTP/1.1 400 "));
  CHECK(refused.find("\r\nX-Request-Id: his-own\r\n") != std::string::npos);
}

TEST_CASE("a request that went through a tunnel of the same name at another broker has not come round") {
  Rig there;
  there.browser_says(get);
  const std::string via(Heard(there.app()).field("Via"));
  Rig rig;
  rig.browser_says("GET / HTTP/1.1\r\nHost: myapp.example.test\r\nVia: " + via + "\r\n\r\n");
  CHECK(rig.tunnel->opened == 1);
}

TEST_CASE("a request is refused with one log line that names the reason") {
  Rig rig;
  rig.browser_says("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  int lines = 0;
  for (const std::string& line : rig.rt.log.lines)
    lines += static_cast<int>(line.starts_with("reject reason=second-host"));
  CHECK(lines == 1);
}

TEST_CASE("a bad chunk in mid-body cuts the app's side and answers 400") {
  Rig rig;
  rig.browser_says("POST / HTTP/1.1\r\nHost: myapp.example.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nzz\r\n");
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 400 "));
  CHECK(rig.app().cut);
}

TEST_CASE("a head that does not end in time is answered 408") {
  Rig rig;
  rig.browser_says("GET / HTTP/1.1\r\nHost: my");
  rig.rt.pass(9s);
  rig.browser_says("app");
  rig.rt.pass(2s);
  rig.pump();
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 408 "));
}

TEST_CASE("a body that stops is answered 408") {
  Rig rig;
  rig.browser_says("POST / HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 10\r\n\r\nabc");
  rig.rt.pass(limits::body_idle + 1s);
  rig.pump();
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 408 "));
  CHECK(rig.app().cut);
}

TEST_CASE("an idle connection is closed after its time") {
  Rig rig;
  rig.rt.pass(limits::keep_alive_idle - 1s);
  rig.pump();
  CHECK_FALSE(rig.browser->ended);
  rig.rt.pass(2s);
  rig.pump();
  CHECK(rig.browser->ended);
  CHECK(rig.browser->heard.empty());
}

TEST_CASE("a visitor who leaves frees the upstream") {
  Rig rig;
  rig.browser_says(get);
  rig.browser->pipe->reset(ErrorKind::cancelled);
  rig.pump();
  CHECK(rig.visitor_closed);
  CHECK(rig.app().cut);
  CHECK(rig.tunnel->gone == 1);
}

TEST_CASE("a visitor's FIN behind a whole request still gets its answer") {
  Rig rig;
  rig.browser->say(get);
  rig.browser->pipe->end();
  rig.pump();
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(rig.browser->heard.ends_with("\r\n\r\nok"));
  CHECK(rig.visitor_closed);
}

TEST_CASE("a request for a name without an agent is answered 503, and stands in the log") {
  Rig rig;
  REQUIRE(rig.names.claim({"waits"}));
  rig.browser_says("GET / HTTP/1.1\r\nHost: waits.example.test\r\n\r\n");
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 503 "));
  CHECK(rig.browser->heard.find("Retry-After: ") != std::string::npos);
  REQUIRE_FALSE(rig.rt.log.lines.empty());
  CHECK(rig.rt.log.lines.back().starts_with("failed tunnel=waits code=agent-away "));
}

TEST_CASE("a request that came round is answered 508") {
  Rig rig;
  rig.browser_says(get);
  const std::string via(Heard(rig.app()).field("Via"));
  rig.connect();
  rig.browser_says("GET / HTTP/1.1\r\nHost: myapp.example.test\r\nVia: 1.0 fred, " + via + "\r\n\r\n");
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 508 "));
  CHECK(rig.rt.log.lines.back().starts_with("reject reason=loop "));
}

TEST_CASE("a request that is refused is told so in a sentence, in the form that its sender reads") {
  const std::string cookie = "Cookie: " + std::string(40'000, 'c') + "\r\n\r\n";
  struct Row {
    std::string request;
    std::string text;
    std::string code;
  };
  const std::vector<Row> rows = {
      {"GET / HTTP/1.1\r\nHost: myapp.example.test\r\n%" + cookie, "431 The head of this request is too large",
       "long-head"},
      {"GET / HTTP/1.1\r\nHost: myapp.example.test\r\n%bad field\r\n\r\n", "400 This request is not valid HTTP/1.1",
       "no-colon"},
      {"GET / HTTP/1.1\r\n%\r\n", "400 This request is not valid HTTP/1.1", "missing-host"},
  };
  for (const Row& row : rows) {
    for (const std::string& accept :
         {std::string(), std::string("accept: text/html,*/*\r\n"), std::string("Accept:application/json\r\n")}) {
      CAPTURE(row.code);
      CAPTURE(accept);
      Rig rig;
      std::string request = row.request;
      rig.browser_says(request.replace(request.find('%'), 1, accept));
      const std::string heard = rig.browser->take();
      const std::string sentence = row.text.substr(4);
      CHECK(heard.starts_with("HTTP/1.1 " + row.text.substr(0, 3)));
      CHECK(heard.find(sentence) != std::string::npos);
      CHECK(heard.find(row.code) != std::string::npos);
      CHECK((heard.find("Content-Type: text/html") != std::string::npos) == (accept.find("html") != std::string::npos));
      CHECK((heard.find("\"code\":\"" + row.code + "\"") != std::string::npos) ==
            (accept.find("json") != std::string::npos));
    }
  }
  Rig rig;
  rig.browser_says("GET /" + std::string(70'000, 'x'));
  CHECK(rig.browser->take().find("414 The address of this request is too long (long-request-line).\n") !=
        std::string::npos);
}
