// What HeadReader accepts, and what it makes of it. Refusals: head_refusals_test.cc.
#include "http1/head_reader.h"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"
#include "cut.h"

using namespace tenfold;
using namespace tenfold::http1;
using namespace tenfold::http;
using Kind = HeadReader::Kind;

namespace {

// Feeds until the head has ended; returns how many bytes were taken.
std::size_t feed(HeadReader& reader, std::string_view text, const test::Cut& cut) {
  std::size_t taken = 0;
  test::for_each_piece(text, cut, [&](Bytes piece) {
    taken += reader.feed(piece);
    return !reader.done() && !reader.failed();
  });
  return taken;
}

// "name=value;" for each.
std::string show(const Fields& fields) {
  std::string text;
  for (const Field& field : fields) text.append(field.name).append("=").append(field.value).append(";");
  return text;
}

std::string request(std::string_view line, std::string_view fields = "Host: a\r\n") {
  return std::string(line) + "\r\n" + std::string(fields) + "\r\n";
}

}  // namespace

TEST_CASE("a request head is the same however it is cut, and what follows is left alone") {
  const std::string head =
      "POST /a%20b?c=d&e HTTP/1.1\r\n"
      "Host: name.example:8080\r\n"
      "X-Empty:\r\n"
      "X-Blank: \t \r\n"
      "X-Trim:\t  a b\t c \t\r\n"
      "x-trim: second\r\n"
      "X-High: \x80\xff\r\n"
      "!#$%&'*+-.^_`|~09azAZ: token\r\n"
      "Content-Length: 5\r\n"
      "\r\n";
  const std::string wire = head + "helloGET / HTTP/1.1\r\nHost: b\r\n\r\n";
  for (const test::Cut& cut : test::cuts(wire.size())) {
    CAPTURE(cut.name);
    HeadReader reader(Kind::request);
    CHECK_FALSE(reader.started());
    CHECK(feed(reader, wire, cut) == head.size());
    REQUIRE(reader.done());
    CHECK(reader.started());
    CHECK(reader.request().method == "POST");
    CHECK(reader.request().target == "/a%20b?c=d&e");
    CHECK(reader.request().minor_version == 1);
    CHECK(show(reader.request().fields) ==
          "Host=name.example:8080;X-Empty=;X-Blank=;X-Trim=a b\t c;x-trim=second;X-High=\x80\xff;"
          "!#$%&'*+-.^_`|~09azAZ=token;Content-Length=5;");
  }
}

TEST_CASE("a response head is the same however it is cut") {
  const std::string head = "HTTP/1.0 404 Not  Here\xe9\r\nServer: x\r\nContent-Length: 0\r\n\r\n";
  const std::string wire = head + "HTTP/1.1 200 OK\r\n";
  for (const test::Cut& cut : test::cuts(wire.size())) {
    CAPTURE(cut.name);
    HeadReader reader(Kind::response);
    CHECK(feed(reader, wire, cut) == head.size());
    REQUIRE(reader.done());
    CHECK(reader.response().status == 404);
    CHECK(reader.response().reason == "Not  Here\xe9");
    CHECK(reader.response().minor_version == 0);
    CHECK(show(reader.response().fields) == "Server=x;Content-Length=0;");
  }
}

TEST_CASE("a response may have an empty reason, or none and no space before it") {
  for (const std::string head : {"HTTP/1.1 204 \r\n\r\n", "HTTP/1.1 204\r\n\r\n"}) {
    CAPTURE(head);
    HeadReader reader(Kind::response);
    CHECK(reader.feed(to_bytes(head)) == head.size());
    REQUIRE(reader.done());
    CHECK(reader.response().status == 204);
    CHECK(reader.response().reason.empty());
  }
}

TEST_CASE("trailers are the same however they are cut") {
  const std::string section = "X-Sum: 1\r\nServer-Timing: a;dur=2\r\n\r\n";
  const std::string wire = section + "GET / HTTP/1.1\r\n";
  for (const test::Cut& cut : test::cuts(wire.size())) {
    CAPTURE(cut.name);
    HeadReader reader(Kind::trailers);
    CHECK(feed(reader, wire, cut) == section.size());
    REQUIRE(reader.done());
    CHECK(show(reader.request().fields) == "X-Sum=1;Server-Timing=a;dur=2;");
  }
}

TEST_CASE("a trailer section may be empty") {
  HeadReader reader(Kind::trailers);
  CHECK(reader.feed(to_bytes("\r\nGET")) == 2);
  REQUIRE(reader.done());
  CHECK(reader.request().fields.empty());
}

TEST_CASE("pipelined heads come one at a time out of one buffer") {
  const std::string first = request("GET /1 HTTP/1.1");
  const std::string second = request("GET /2 HTTP/1.1", "Host: b\r\nX: y\r\n");
  const std::string wire = first + second + "GET /3";
  HeadReader reader(Kind::request);
  std::string_view rest = wire;
  rest.remove_prefix(reader.feed(to_bytes(rest)));
  REQUIRE(reader.done());
  CHECK(reader.request().target == "/1");
  CHECK(reader.feed(to_bytes(rest)) == 0);  // not before clear()
  reader.clear();
  CHECK_FALSE(reader.started());
  rest.remove_prefix(reader.feed(to_bytes(rest)));
  REQUIRE(reader.done());
  CHECK(reader.request().target == "/2");
  CHECK(show(reader.request().fields) == "Host=b;X=y;");
  reader.clear();
  CHECK(reader.feed(to_bytes(rest)) == rest.size());
  CHECK_FALSE(reader.done());
  CHECK(reader.started());
}

TEST_CASE("a method is any token, rare ones and those with forms of their own included") {
  for (const std::string method :
       {"GET", "HEAD", "BREW", "get", "M-SEARCH", "PRI", "SOURCE", "DESCRIBE", "!x", "GETT"}) {
    CAPTURE(method);
    const std::string head = request(method + " /x HTTP/1.1");
    for (const test::Cut& cut : test::cuts(head.size())) {
      HeadReader reader(Kind::request);
      CHECK(feed(reader, head, cut) == head.size());
      REQUIRE(reader.done());
      CHECK(reader.request().method == method);
      CHECK(reader.request().target == "/x");
    }
  }
}

TEST_CASE("each form of target is kept byte for byte") {
  struct Case {
    std::string line;
    std::string_view target;
  };
  for (const Case& c : {
           Case{"GET /../%2e%2E//a/./b?x=/../&y=\"<>^`{|}\\ HTTP/1.1", "/../%2e%2E//a/./b?x=/../&y=\"<>^`{|}\\"},
           Case{"GET //host/path HTTP/1.1", "//host/path"},
           Case{"GET /caf\xc3\xa9?\xff\x80=\xe2\x82\xac HTTP/1.1", "/caf\xc3\xa9?\xff\x80=\xe2\x82\xac"},
           Case{"GET http://h.example/caf\xc3\xa9 HTTP/1.1", "http://h.example/caf\xc3\xa9"},
           Case{"GET /?u=http://u@h/ HTTP/1.1", "/?u=http://u@h/"},
           Case{"GET http://h.example:80/p?q=@ HTTP/1.1", "http://h.example:80/p?q=@"},
           Case{"GET http://h.example HTTP/1.1", "http://h.example"},
           Case{"OPTIONS * HTTP/1.1", "*"},
           Case{"CONNECT h.example:443 HTTP/1.1", "h.example:443"},
           Case{"CONNECT [::1]:443 HTTP/1.1", "[::1]:443"},
       }) {
    CAPTURE(c.line);
    HeadReader reader(Kind::request);
    const std::string head = request(c.line);
    CHECK(reader.feed(to_bytes(head)) == head.size());
    if (reader.failed()) FAIL(reader.fault().reason);
    REQUIRE(reader.done());
    CHECK(reader.request().target == c.target);
  }
}

TEST_CASE("bytes behind a head that asks for something else than HTTP/1.1 are left alone") {
  for (const std::string& head : {request("CONNECT h:443 HTTP/1.1"),
                                  request("GET / HTTP/1.1", "Host: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n"),
                                  request("POST / HTTP/1.1", "Host: a\r\nTransfer-Encoding: chunked\r\n")}) {
    CAPTURE(head);
    for (const test::Cut& cut : test::cuts(head.size() + 6)) {
      HeadReader reader(Kind::request);
      CHECK(feed(reader, head + "5\r\nabc", cut) == head.size());
      CHECK(reader.done());
    }
  }
}

TEST_CASE("HTTP/1.0 may come without a Host") {
  HeadReader reader(Kind::request);
  reader.feed(to_bytes("GET / HTTP/1.0\r\n\r\n"));
  REQUIRE(reader.done());
  CHECK(reader.request().minor_version == 0);
}

TEST_CASE("a request of a higher minor version is one of HTTP/1.1") {
  for (const char minor : {'2', '3', '9'}) {
    HeadReader reader(Kind::request);
    reader.feed(to_bytes(request(std::string("GET / HTTP/1.") + minor)));
    REQUIRE(reader.done());
    CHECK(reader.request().minor_version == 1);
    HeadReader answer(Kind::response);
    answer.feed(to_bytes(std::string("HTTP/1.") + minor + " 200 OK\r\n\r\n"));
    REQUIRE(answer.done());
    CHECK(answer.response().minor_version == 1);
  }
  HeadReader reader(Kind::request);
  reader.feed(to_bytes("GET / HTTP/1.2\r\n\r\n"));
  CHECK(reader.failed());  // it wants a Host, as 1.1 does
}

TEST_CASE("an answer's lines may end with a lone LF, all of them or some, however it is cut") {
  for (const std::string& head :
       {std::string("HTTP/1.1 200 OK\nX: a\nY:b\n\n"), std::string("HTTP/1.0 200\nX: a\n\n"),
        std::string("HTTP/1.1 200 OK\r\nX: a\nZ: c\r\n\n"), std::string("HTTP/1.1 200 OK\nX: a\r\n\r\n")}) {
    CAPTURE(head);
    for (const test::Cut& cut : test::cuts(head.size() + 4)) {
      CAPTURE(cut.name);
      HeadReader reader(Kind::response);
      CHECK(feed(reader, head + "body", cut) == head.size());
      REQUIRE(reader.done());
      CHECK(reader.response().status == 200);
      CHECK(find(reader.response().fields, "X")->value == "a");
    }
  }
}

TEST_CASE("blanks of both kinds round a Content-Length are no part of it") {
  for (const char* value : {"5\t", "\t5", " 5 \t ", "5"}) {
    CAPTURE(value);
    HeadReader reader(Kind::request);
    reader.feed(to_bytes(request("POST / HTTP/1.1", std::string("Host: a\r\nContent-Length:") + value + "\r\n")));
    REQUIRE(reader.done());
    CHECK(find(reader.request().fields, "content-length")->value == "5");
  }
}

TEST_CASE("an absolute target may come with an empty Host") {
  HeadReader reader(Kind::request);
  reader.feed(to_bytes("GET http://h/ HTTP/1.1\r\nHost:\r\n\r\n"));
  CHECK(reader.done());
}

TEST_CASE("up to two empty lines before a request line are skipped") {
  for (const std::string lines : {"", "\r\n", "\r\n\r\n"}) {
    const std::string head = lines + request("GET / HTTP/1.1");
    for (const test::Cut& cut : test::cuts(head.size())) {
      CAPTURE(cut.name);
      HeadReader reader(Kind::request);
      CHECK(feed(reader, head, cut) == head.size());
      REQUIRE(reader.done());
      CHECK(reader.request().method == "GET");
    }
  }
  SUBCASE("and are no head that has begun") {
    HeadReader reader(Kind::request);
    CHECK(reader.feed(to_bytes("\r\n")) == 2);
    CHECK_FALSE(reader.started());
  }
}

TEST_CASE("a head may fill each cap to the last byte") {
  HeadReader reader(Kind::request);
  const std::string around = request("GET / HTTP/1.1", "Host: a\r\nX: \r\n");
  const std::string fields = "Host: a\r\nX: " + std::string(limits::head_bytes - around.size(), 'x') + "\r\n";
  const std::string head = request("GET / HTTP/1.1", fields);
  REQUIRE(head.size() == limits::head_bytes);
  CHECK(reader.feed(to_bytes(head)) == head.size());
  CHECK(reader.done());

  reader.clear();
  const std::string line = "GET /" + std::string(limits::request_line_bytes - 14, 'p') + " HTTP/1.1";
  REQUIRE(line.size() == limits::request_line_bytes);
  reader.feed(to_bytes(request(line)));
  CHECK(reader.done());

  reader.clear();
  std::string many = "Host: a\r\n";
  for (std::size_t i = 1; i < limits::head_fields; ++i) many += "X: y\r\n";
  reader.feed(to_bytes(request("GET / HTTP/1.1", many)));
  REQUIRE(reader.done());
  CHECK(reader.request().fields.size() == limits::head_fields);

  HeadReader trailers(Kind::trailers);
  const std::string section = "X: " + std::string(limits::trailer_bytes - 7, 'x') + "\r\n\r\n";
  REQUIRE(section.size() == limits::trailer_bytes);
  CHECK(trailers.feed(to_bytes(section)) == section.size());
  CHECK(trailers.done());
}

TEST_CASE("a head that a visitor may send has room within, and an answer's more") {
  const auto head_of = [](const std::string& start, std::size_t fields, std::size_t bytes) {
    std::string head = start + "\r\nHost: a\r\n";
    for (std::size_t i = 2; i < fields; ++i) head += "X: y\r\n";
    return head + "Y: " + std::string(bytes - head.size() - 7, 'y') + "\r\n\r\n";
  };
  const auto reads = [](Kind kind, const std::string& head) {
    HeadReader reader(kind);
    reader.feed(to_bytes(head));
    return reader.done();
  };
  const std::string get = "GET / HTTP/1.1";
  CHECK(reads(Kind::forwarded, head_of(get, limits::head_fields + 10, limits::head_bytes + 4096)));
  CHECK(reads(Kind::forwarded, head_of(get, limits::forwarded_fields, limits::forwarded_head_bytes)));
  CHECK_FALSE(reads(Kind::request, head_of(get, 50, limits::head_bytes + 1)));
  CHECK(reads(Kind::forwarded, request("GET /" + std::string(limits::request_line_bytes, 'p') + " HTTP/1.1")));
  CHECK(reads(Kind::response, head_of("HTTP/1.1 200 OK", limits::answer_fields, limits::answer_head_bytes)));
}

TEST_CASE("a reader serves again after clear(), whatever came before") {
  const std::string good = "\r\n\r\n" + request("GET /ok HTTP/1.1");
  for (const std::string& before : {std::string("GET"), std::string("bad\r\n"), std::string("\r\n\r\n\r\n"), good,
                                    request("GET / HTTP/1.1", "Host: a\r\nX: " + std::string(20000, 'x') + "\r\n")}) {
    HeadReader reader(Kind::request);
    reader.feed(to_bytes(before));
    reader.clear();
    CHECK_FALSE(reader.failed());
    CHECK_FALSE(reader.fault());
    CHECK(reader.feed(to_bytes(good)) == good.size());
    REQUIRE(reader.done());
    CHECK(reader.request().target == "/ok");
    CHECK(show(reader.request().fields) == "Host=a;");
  }
}
