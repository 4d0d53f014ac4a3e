// What is refused, with which status, under which name in the log, and how early. A request
// smuggler's tool box, row by row.
#include <doctest/doctest.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "cut.h"
#include "http1/body_framing.h"
#include "http1/head_reader.h"

using namespace tenfold;
using namespace tenfold::http1;
using namespace tenfold::http;
using Kind = HeadReader::Kind;

namespace {

struct Refusal {
  std::string wire;
  std::string verdict;  // "status reason"
};

std::string show(const Fault& fault) { return std::to_string(fault.status) + " " + fault.reason; }

// What becomes of a head whose body would be read next: "accepted", "more", or "status reason".
std::string verdict(Kind kind, std::string_view wire, const test::Cut& cut, std::size_t& taken) {
  HeadReader reader(kind);
  taken = 0;
  test::for_each_piece(wire, cut, [&](Bytes piece) {
    taken += reader.feed(piece);
    return !reader.done() && !reader.failed();
  });
  if (reader.failed()) return show(reader.fault());
  if (!reader.done()) return "more";
  Framed framed;
  if (kind == Kind::request) framed = request_framing(reader.request());
  if (kind == Kind::response) framed = response_framing(reader.response(), false);
  return framed.fault ? show(framed.fault) : "accepted";
}

std::string verdict(Kind kind, std::string_view wire) {
  std::size_t taken;
  return verdict(kind, wire, {"whole", {wire.size()}}, taken);
}

void check(Kind kind, const std::vector<Refusal>& refusals) {
  for (const Refusal& refusal : refusals) {
    const std::string shown = refusal.wire.substr(0, 80);
    CAPTURE(shown);
    std::size_t taken_whole;
    CHECK(verdict(kind, refusal.wire, {"whole", {refusal.wire.size()}}, taken_whole) == refusal.verdict);
    for (const test::Cut& cut : test::cuts(refusal.wire.size())) {
      CAPTURE(cut.name);
      std::size_t taken;
      CHECK(verdict(kind, refusal.wire, cut, taken) == refusal.verdict);
      CHECK(taken == taken_whole);
    }
  }
}

// `text` with a NUL for each @.
std::string nul(std::string text) {
  for (char& c : text) {
    if (c == '@') c = '\0';
  }
  return text;
}

// A request with these field lines, a Host before them.
std::string with(const std::string& lines) { return "POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n\r\n"; }

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  while (times-- != 0) out += text;
  return out;
}

}  // namespace

TEST_CASE("a bare CR, a bare LF, a NUL or another control octet is refused wherever it stands") {
  check(Kind::request, {
                           {"GET / HTTP/1.1\nHost: a\r\n\r\n", "400 bare-lf"},
                           {"GET / HTTP/1.1\r\nHost: a\n\r\n", "400 bare-lf"},
                           {"GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n", "400 bare-lf"},
                           {"GET / HTTP/1.1\r\nHost: a\r\n\n", "400 bare-lf"},
                           {"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "400 bare-lf"},
                           {"GET / HTTP/1.1\rHost: a\r\n\r\n", "400 bare-cr"},
                           {"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "400 bare-cr"},
                           {with("X: a\rb"), "400 bare-cr"},
                           {with("X: a\r\r"), "400 bare-cr"},
                           {with("X\r: a"), "400 bare-cr"},
                           {with("\rX: a"), "400 bare-cr"},
                           {"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", "400 bare-cr"},
                           {nul("GET /@ HTTP/1.1\r\nHost: a\r\n\r\n"), "400 nul"},
                           {with(nul("X: a@b")), "400 nul"},
                           {with(nul("X@: a")), "400 nul"},
                           {with("X: a\x01"), "400 control-octet"},
                           {with("X: a\x0b"), "400 control-octet"},
                           {with("Transfer-Encoding: \x0b"
                                 "chunked"),
                            "400 control-octet"},
                           {with("X: 12345678\x7f"), "400 control-octet"},
                       });
}

TEST_CASE("every control octet but HTAB is refused in a value, at every place of a word") {
  for (int c = 0; c < 256; ++c) {
    const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
    for (std::size_t place = 0; place < 20; ++place) {
      std::string value(20, 'v');
      value[place] = static_cast<char>(c);
      CAPTURE(c);
      CAPTURE(place);
      CHECK((verdict(Kind::request, with("X: (" + value + ")")) == "accepted") == !control);
    }
  }
}

TEST_CASE("a folded line is refused, also before the first field") {
  check(Kind::request, {
                           {with("X: a\r\n b"), "400 obs-fold"},
                           {with("X: a\r\n\tb"), "400 obs-fold"},
                           {with("X: a\r\n "), "400 obs-fold"},
                           {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400 obs-fold"},
                           {with(" Transfer-Encoding: chunked"), "400 obs-fold"},
                       });
}

TEST_CASE("a field name is a token with the colon right behind it") {
  check(Kind::request, {
                           {with("X : a"), "400 space-before-colon"},
                           {with("X\t: a"), "400 space-before-colon"},
                           {with("Transfer-Encoding : chunked"), "400 space-before-colon"},
                           {with(": a"), "400 empty-name"},
                           {with(":"), "400 empty-name"},
                           {with("X"), "400 no-colon"},
                           {with("X a"), "400 no-colon"},
                           {with("X a: b"), "400 bad-name"},
                           {with("X(: b"), "400 bad-name"},
                           {with("X\x80: b"), "400 bad-name"},
                           {with("\"X\": b"), "400 bad-name"},
                           {with("GET / HTTP/1.1"), "400 no-colon"},
                       });
}

TEST_CASE("every octet that is no tchar is refused in a name") {
  const std::string_view tchars = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (int c = 0; c < 256; ++c) {
    CAPTURE(c);
    std::string line = "X_Y: b";
    line[1] = static_cast<char>(c);
    const bool accepted = verdict(Kind::request, with(line)) == "accepted";
    CHECK(accepted == (tchars.find(static_cast<char>(c)) != std::string_view::npos || c == ':'));
  }
}

TEST_CASE("a request line has two spaces, a token and a version") {
  const std::string rest = "\r\nHost: a\r\n\r\n";
  check(Kind::request, {
                           {"GET  / HTTP/1.1" + rest, "400 bad-request-line"},
                           {"GET /  HTTP/1.1" + rest, "400 bad-request-line"},
                           {"GET / HTTP/1.1 " + rest, "400 bad-request-line"},
                           {"GET /a b HTTP/1.1" + rest, "400 bad-request-line"},
                           {"GET /" + rest, "400 bad-request-line"},
                           {"GET" + rest, "400 bad-request-line"},
                           {" GET / HTTP/1.1" + rest, "400 bad-method"},
                           {" / HTTP/1.1" + rest, "400 bad-method"},
                           {"G(T / HTTP/1.1" + rest, "400 bad-method"},
                           {"GET\t/ HTTP/1.1" + rest, "400 bad-request-line"},
                           {"GET /\t HTTP/1.1" + rest, "400 bad-target"},
                           {"GET /\x7f HTTP/1.1" + rest, "400 control-octet"},
                           {"GET x HTTP/1.1" + rest, "400 bad-target"},
                           {"GET * HTTP/1.1" + rest, "400 bad-target"},
                           {"GET /\tHTTP/1.1" + rest, "400 bad-request-line"},
                           {"GET / http/1.1" + rest, "400 bad-version"},
                           {"GET / HTTP/1" + rest, "400 bad-version"},
                           {"GET / HTTP/11" + rest, "400 bad-version"},
                           {"GET / HTTP/1.10" + rest, "400 bad-version"},
                           {"GET / HTTP/1,1" + rest, "400 bad-version"},
                           {"GET / HTTPS/1.1" + rest, "400 bad-version"},
                           {"GET / RTSP/1.0" + rest, "400 bad-version"},
                           {"GET / HTTP/2.0" + rest, "505 unsupported-version"},
                           {"GET / HTTP/0.9" + rest, "505 unsupported-version"},
                           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 unsupported-version"},
                           {"\r\n\r\n\r\nGET / HTTP/1.1" + rest, "400 bad-request-line"},
                       });
}

TEST_CASE("a port may be missing, empty or one that a socket can have") {
  for (const char* host : {"a", "a.", "a:", "a:1", "a:65535", "[::1]:65535", "[::1]:"}) {
    CAPTURE(host);
    CHECK(verdict(Kind::request, std::string("GET / HTTP/1.1\r\nHost: ") + host + "\r\n\r\n") == "accepted");
    CHECK(verdict(Kind::request, std::string("GET http://") + host + "/ HTTP/1.1\r\nHost: b\r\n\r\n") == "accepted");
  }
}

TEST_CASE("a missing, second or odd Host is refused") {
  const auto host = [](const std::string& lines) { return "GET / HTTP/1.1\r\n" + lines + "\r\n"; };
  check(Kind::request, {
                           {host(""), "400 missing-host"},
                           {host("Hos: a\r\n"), "400 missing-host"},
                           {host("Host: a\r\nHost: a\r\n"), "400 second-host"},
                           {host("Host: a\r\nX: y\r\nhOST: b\r\n"), "400 second-host"},
                           {"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "400 second-host"},
                           {"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n", "400 bad-host"},
                           {"GET http://a/ HTTP/1.1\r\n\r\n", "400 missing-host"},
                           {"GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", "400 bad-host"},
                           {host("Host:\r\n"), "400 bad-host"},
                           {host("Host: a, b\r\n"), "400 bad-host"},
                           {host("Host: a,b\r\n"), "400 bad-host"},
                           {host("Host: a b\r\n"), "400 bad-host"},
                           {host("Host: u@a\r\n"), "400 bad-host"},
                           {host("Host: a/b\r\n"), "400 bad-host"},
                           {host("Host: a?b\r\n"), "400 bad-host"},
                           {host("Host: a#b\r\n"), "400 bad-host"},
                           {host("Host: http://a\r\n"), "400 bad-host"},
                           {host("Host: a:b\r\n"), "400 bad-host"},
                           {host("Host: a:1:2\r\n"), "400 bad-host"},
                           {host("Host: a:123456\r\n"), "400 bad-host"},
                           {host("Host: :80\r\n"), "400 bad-host"},
                           {host("Host: [::1\r\n"), "400 bad-host"},
                           {host("Host: [::1]x\r\n"), "400 bad-host"},
                           {host("Host: []\r\n"), "400 bad-host"},
                           {host("Host: a:0\r\n"), "400 bad-host"},
                           {host("Host: a:65536\r\n"), "400 bad-host"},
                           {host("Host: a:99999\r\n"), "400 bad-host"},
                           {host("Host: [::1]:99999\r\n"), "400 bad-host"},
                           {host("Host: [zz]:1\r\n"), "400 bad-host"},
                           {host("Host: [1:2]\r\n"), "400 bad-host"},
                           {host("Host: [1.2.3.4]\r\n"), "400 bad-host"},
                           {host("Host: a..b\r\n"), "400 bad-host"},
                           {host("Host: .a\r\n"), "400 bad-host"},
                           {host("Host: .\r\n"), "400 bad-host"},
                           {"GET / HTTP/1.0\r\nHost: a:99999\r\n\r\n", "400 bad-host"},
                           {host("Host: %61\r\n"), "400 bad-host"},
                           {host("Host: \xc3\xa9\r\n"), "400 bad-host"},
                       });
}

TEST_CASE("userinfo, or what is no host and port, in a target's authority is refused") {
  const std::string rest = " HTTP/1.1\r\nHost: h\r\n\r\n";
  check(Kind::request, {
                           {"GET http://u@h/" + rest, "400 userinfo"},
                           {"GET http://u:p@h:80/x" + rest, "400 userinfo"},
                           {"GET http://@h" + rest, "400 userinfo"},
                           {"CONNECT u@h:443" + rest, "400 userinfo"},
                           {"GET http:///x" + rest, "400 bad-target"},
                           {"GET http://h:x/" + rest, "400 bad-target"},
                           {"GET http://" + rest, "400 bad-target"},
                           {"GET http://h:99999/" + rest, "400 bad-target"},
                           {"GET http://h:0/" + rest, "400 bad-target"},
                           {"GET http://[1:2]/" + rest, "400 bad-target"},
                           {"GET http://h..h/" + rest, "400 bad-target"},
                           {"CONNECT h:99999" + rest, "400 bad-target"},
                           {"CONNECT /" + rest, "400 bad-target"},
                           {"GET http://h\xc3\xa9/" + rest, "400 bad-target"},
                       });
}

TEST_CASE("a target of another scheme than http and https is refused") {
  const std::string rest = " HTTP/1.1\r\nHost: h\r\n\r\n";
  for (const char* target : {"ftp://h/x", "httpx://h/", "ws://h/", "://h/", "h://h/", "mailto:x", "http:/h/", "h:80",
                             "http:h", "xhttp://h/"}) {
    CAPTURE(target);
    check(Kind::request, {{std::string("GET ") + target + rest, "400 bad-target"}});
  }
  for (const char* target : {"http://h/x", "HTTPS://h", "hTTp://h?q", "/ftp://h/x", "/a:b"}) {
    CAPTURE(target);
    CHECK(verdict(Kind::request, std::string("GET ") + target + rest) == "accepted");
  }
}

TEST_CASE("a fragment in a target is refused, in each form") {
  const std::string rest = " HTTP/1.1\r\nHost: h\r\n\r\n";
  for (const char* target : {"/#", "/a#b", "/a?b#c", "http://h/#a", "http://h#a", "#", "*#"}) {
    CAPTURE(target);
    check(Kind::request, {{std::string("GET ") + target + rest, "400 fragment"}});
  }
  CHECK(verdict(Kind::request, "GET /%23a" + rest) == "accepted");
}

TEST_CASE("a Connection that names what routes or frames a request is refused") {
  const std::string length = "Content-Length: 0\r\n";
  check(Kind::request, {
                           {with("Connection: Host"), "400 connection-names-host"},
                           {with("Connection: close, hOST"), "400 connection-names-host"},
                           {with("Connection: close\r\nconnection: ,host ,x"), "400 connection-names-host"},
                           {with(length + "Connection: content-length"), "400 connection-names-length"},
                           {with("Connection: Transfer-Encoding"), "400 connection-names-coding"},
                           {"GET / HTTP/1.0\r\nConnection: Host\r\n\r\n", "400 connection-names-host"},
                       });
  for (const char* option : {"Via", "Hosts", "TE", "close", "Cookie", ""}) {
    CAPTURE(option);
    CHECK(verdict(Kind::request, with(std::string("Connection: ") + option)) == "accepted");
  }
}

TEST_CASE("a refused HEAD is known as one once its method has come") {
  for (const auto& [wire, to_head] : {std::pair{"HEAD / HTTP/2.0\r\n", true},
                                      {"HEAD / HTTP/1.1\r\nX : y\r\n", true},
                                      {"HEAD / HTTP/1.1\r\n\r\n", true},
                                      {"\r\nHEAD / HTTP/1.1\r\n\r\n", true},
                                      {"GET / HTTP/2.0\r\n", false},
                                      {"HEADS / HTTP/2.0\r\n", false},
                                      {"HEAD\r\n", false}}) {
    CAPTURE(wire);
    HeadReader reader(Kind::request);
    reader.feed(to_bytes(wire));
    REQUIRE(reader.failed());
    CHECK(reader.to_head() == to_head);
  }
  const std::string endless = "HEAD /" + std::string(limits::request_line_bytes, 'x');
  for (const std::size_t chop : {std::size_t{1}, std::size_t{1000}, endless.size()}) {
    HeadReader reader(Kind::request);
    for (std::size_t at = 0; at < endless.size(); at += chop) {
      reader.feed(to_bytes(std::string_view(endless).substr(at, chop)));
    }
    REQUIRE(reader.failed());
    CHECK(reader.to_head());
  }
}

TEST_CASE("whatever leaves a request's length in doubt is refused") {
  check(Kind::request,
        {
            {with("Content-Length: 5\r\nTransfer-Encoding: chunked"), "400 content-length-conflict"},
            {with("Transfer-Encoding: chunked\r\nContent-Length: 5"), "400 content-length-conflict"},
            {with("transfer-encoding: x\r\nCONTENT-LENGTH: 5"), "400 content-length-conflict"},
            {with("Content-Length: 5\r\nContent-Length: 6"), "400 content-length-conflict"},
            {with("Content-Length: 5\r\nContent-Length: 5"), "400 content-length-conflict"},
            {with("Content-Length: 5, 5"), "400 bad-content-length"},
            {with("Content-Length: +5"), "400 bad-content-length"},
            {with("Content-Length: -5"), "400 bad-content-length"},
            {with("Content-Length: 0x5"), "400 bad-content-length"},
            {with("Content-Length: 5 5"), "400 bad-content-length"},
            {with("Content-Length: five"), "400 bad-content-length"},
            {with("Content-Length: "), "400 bad-content-length"},
            {with("Content-Length: 9223372036854775808"), "400 bad-content-length"},
            {with("Content-Length: 18446744073709551621"), "400 bad-content-length"},
            {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400 encoding-on-1.0"},
            {with("Transfer-Encoding: gzip"), "501 unknown-coding"},
            {with("Transfer-Encoding: gzip, chunked"), "501 unknown-coding"},
            {with("Transfer-Encoding: identity"), "501 unknown-coding"},
            {with("Transfer-Encoding: xchunked"), "501 unknown-coding"},
            {with("Transfer-Encoding: chunkedx"), "501 unknown-coding"},
            {with("Transfer-Encoding: chunked;a=b"), "501 unknown-coding"},
            {with("Transfer-Encoding: \"chunked\""), "501 unknown-coding"},
            {with("Transfer-Encoding: chunked, chunked"), "400 bad-transfer-encoding"},
            {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), "400 bad-transfer-encoding"},
            {with("Transfer-Encoding: chunked, identity"), "400 bad-transfer-encoding"},
            {with("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip"), "400 bad-transfer-encoding"},
            {with("Transfer-Encoding:"), "400 bad-transfer-encoding"},
            {with("Transfer-Encoding: ,"), "400 bad-transfer-encoding"},
        });
  CHECK(verdict(Kind::request, with("Transfer-Encoding: ChunKed")) == "accepted");
  CHECK(verdict(Kind::request, with("Content-Length: 9223372036854775807")) == "accepted");
}

TEST_CASE("an answer is refused with 502 and the same words") {
  const auto ok = [](const std::string& lines) { return "HTTP/1.1 200 OK\r\n" + lines + "\r\n\r\n"; };
  check(Kind::response, {
                            {ok("X: a\rb"), "502 bare-cr"},
                            {ok("X: a\r\n b"), "502 obs-fold"},
                            {ok("X : a"), "502 space-before-colon"},
                            {ok("Content-Length: 5\r\nTransfer-Encoding: chunked"), "502 content-length-conflict"},
                            {ok("Content-Length: 5\r\nContent-Length: 6"), "502 content-length-conflict"},
                            {ok("Content-Length: 5\r\nX: y\r\nContent-Length: 5, 6"), "502 content-length-conflict"},
                            {ok("Content-Length: 5, x"), "502 bad-content-length"},
                            {ok("Content-Length: 5 5"), "502 bad-content-length"},
                            {ok("Content-Length: +5"), "502 bad-content-length"},
                            {ok("Content-Length: ,"), "502 bad-content-length"},
                            {ok("Content-Length:"), "502 bad-content-length"},
                            {ok("X: a\r\r\nY: b"), "502 bare-cr"},
                            {"HTTP/1.1 200 OK\nX: a\n b\n\n", "502 obs-fold"},
                            {"HTTP/1.1 200 OK\r\r\n\r\n", "502 bare-cr"},
                            {ok("Content-Length: x"), "502 bad-content-length"},
                            {ok("Transfer-Encoding: gzip"), "502 unknown-coding"},
                            {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "502 encoding-on-1.0"},
                            {"HTTP/2.0 200 OK\r\n\r\n", "502 unsupported-version"},
                            {"HTTP/1.x 200 OK\r\n\r\n", "502 bad-version"},
                            {"ICY 200 OK\r\n\r\n", "502 bad-version"},
                            {"HTTP/1.1 20 OK\r\n\r\n", "502 bad-status"},
                            {"HTTP/1.1 2000 OK\r\n\r\n", "502 bad-status"},
                            {"HTTP/1.1 099 OK\r\n\r\n", "502 bad-status"},
                            {"HTTP/1.1 600 OK\r\n\r\n", "502 bad-status"},
                            {"HTTP/1.1  200 OK\r\n\r\n", "502 bad-status"},
                            {"HTTP/1.1 2x0 OK\r\n\r\n", "502 bad-status"},
                            {"HTTP/1.1 \r\n\r\n", "502 bad-status"},
                            {"HTTP/1.1\r\n\r\n", "502 bad-status-line"},
                            {"\r\nHTTP/1.1 200 OK\r\n\r\n", "502 bad-status-line"},
                            {nul("HTTP/1.1 200 O@K\r\n\r\n"), "502 nul"},
                            {"<html>\r\n", "502 bad-status-line"},
                        });
}

TEST_CASE("trailers obey the rules of fields") {
  check(Kind::trailers, {
                            {"X: a\nY: b\r\n\r\n", "400 bare-lf"},
                            {" X: a\r\n\r\n", "400 obs-fold"},
                            {"X : a\r\n\r\n", "400 space-before-colon"},
                            {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "400 no-colon"},
                            {"Content-Length: x\r\n\r\n", "400 bad-content-length"},
                        });
}

TEST_CASE("one byte, or one field, beyond a cap is refused") {
  const std::string host = "Host: a\r\n";
  const std::string line = "GET /" + std::string(limits::request_line_bytes - 13, 'p') + " HTTP/1.1\r\n";
  const std::string value = std::string(limits::head_bytes - 16 - 9 - 7 + 1, 'x');
  check(Kind::request,
        {
            {line + host + "\r\n", "414 long-request-line"},
            {"GET / HTTP/1.1\r\n" + host + "X: " + value + "\r\n\r\n", "431 long-head"},
            {"GET / HTTP/1.1\r\n" + host + repeat("X: y\r\n", limits::head_fields), "431 many-fields"},
            {with("Connection: " + repeat("a,", limits::head_fields) + "a"), "431 many-connection-options"},
            {with("Connection: " + repeat(",", limits::head_fields)), "431 many-connection-options"},
        });
  check(Kind::trailers, {
                            {"X: " + std::string(limits::trailer_bytes - 6, 'x') + "\r\n\r\n", "431 long-trailers"},
                            {repeat("X: y\r\n", limits::head_fields + 1), "431 many-fields"},
                        });
  check(Kind::response, {
                            {"HTTP/1.1 200 " + std::string(limits::answer_head_bytes, 'x'), "502 long-head"},
                            {"HTTP/1.1 200 OK\r\n" + repeat("X: y\r\n", limits::answer_fields + 1), "502 many-fields"},
                        });
  check(Kind::forwarded,
        {
            {"GET / HTTP/1.1\r\n" + host + "X: " + std::string(limits::forwarded_head_bytes, 'x'), "431 long-head"},
            {"GET / HTTP/1.1\r\n" + host + repeat("X: y\r\n", limits::forwarded_fields), "431 many-fields"},
            {"GET / HTTP/1.1\nHost: a\r\n\r\n", "400 bare-lf"},
            {"GET / HTTP/1.1\r\n\r\n", "400 missing-host"},
        });
  CHECK(verdict(Kind::request, with("Connection: " + repeat("a,", limits::head_fields - 1) + "a")) == "accepted");
}

TEST_CASE("a line without end is refused at its cap, not later") {
  HeadReader reader(Kind::request);
  const std::string flood(limits::request_line_bytes + 2, 'G');
  CHECK(reader.feed(to_bytes(flood)) == flood.size());
  CHECK_FALSE(reader.failed());
  reader.feed(to_bytes("G"));
  CHECK(reader.failed());
}

TEST_CASE("a fault is told when its line is whole, before the head is") {
  for (const std::string start :
       {"GET / HTTP/2.0\r\n", "GET  / HTTP/1.1\r\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nX : a\r\n",
        "GET / HTTP/1.1\r\nX: a\r\n b\r\n", "GET / HTTP/1.1\r\nX: a\rb\r\n"}) {
    CAPTURE(start);
    HeadReader reader(Kind::request);
    reader.feed(to_bytes(std::string_view(start).substr(0, start.size() - 1)));
    CHECK_FALSE(reader.failed());
    reader.feed(to_bytes("\n"));
    CHECK(reader.failed());
  }
}

TEST_CASE("a head that is at fault only in what it asks for can be read on, one whose lines are not in order cannot") {
  for (const std::string head :
       {"GET /a HTTP/1.1\r\nX: y\r\n\r\n", "GET /a HTTP/1.1\r\nHost: a\r\nHost: b\r\nX: y\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a b\r\nX: y\r\n\r\n"}) {
    CAPTURE(head);
    HeadReader reader(Kind::request);
    CHECK(reader.feed(to_bytes(head + "body")) == head.size());
    REQUIRE(reader.failed());
    REQUIRE(reader.readable());
    CHECK(reader.request().method == "GET");
    CHECK(reader.request().target == "/a");
    CHECK(find(reader.request().fields, "X")->value == "y");
    reader.clear();
    CHECK_FALSE(reader.readable());
  }
  for (const std::string head :
       {"GET /a HTTP/1.1\nHost: a\n\n", "GET /a HTTP/1.1\r\nHost : a\r\n\r\n", "GET  /a\r\n\r\n"}) {
    CAPTURE(head);
    HeadReader reader(Kind::request);
    reader.feed(to_bytes(head));
    CHECK(reader.failed());
    CHECK_FALSE(reader.readable());
  }
}
