// The bytes of heads and chunks.
#include "http1/head_writer.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>

using namespace tenfold;
using namespace tenfold::http1;
using namespace tenfold::http;

TEST_CASE("a request head is written behind what is there") {
  std::string out = "before";
  HeadWriter head(out);
  head.request_line("GET", "/a?b");
  head.field("Host", "app.local");
  head.field("X-Empty", "");
  head.field("Content-Length", std::uint64_t{18446744073709551615u});
  head.end();
  CHECK(out ==
        "beforeGET /a?b HTTP/1.1\r\nHost: app.local\r\nX-Empty: \r\nContent-Length: 18446744073709551615\r\n\r\n");
}

TEST_CASE("a status line has the reason given, the usual one, or an empty one behind its space") {
  const auto line = [](int status, std::string_view reason) {
    std::string out;
    HeadWriter(out).status_line(status, reason);
    return out;
  };
  CHECK(line(200, "Fine") == "HTTP/1.1 200 Fine\r\n");
  CHECK(line(502, "") == "HTTP/1.1 502 Bad Gateway\r\n");
  CHECK(line(299, "") == "HTTP/1.1 299 \r\n");
  CHECK(line(101, "") == "HTTP/1.1 101 Switching Protocols\r\n");
}

TEST_CASE("a chunk's head is its size in hexadecimal") {
  CHECK(to_text(ChunkHead(1).bytes()) == "1\r\n");
  CHECK(to_text(ChunkHead(255).bytes()) == "ff\r\n");
  CHECK(to_text(ChunkHead(16384).bytes()) == "4000\r\n");
  CHECK(to_text(ChunkHead(std::numeric_limits<std::uint64_t>::max()).bytes()) == "ffffffffffffffff\r\n");
}
