// A steady connection allocates nothing: counted, for the whole test program, at operator new.
#include <doctest/doctest.h>

#include <cstdlib>
#include <new>
#include <string>

#include "http1/body_framing.h"
#include "http1/head_reader.h"
#include "http1/head_writer.h"

namespace {
std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* const p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }

using namespace tenfold;
using namespace tenfold::http1;
using namespace tenfold::http;

namespace {

// One request and its body, read and written anew; returns what that allocated.
std::size_t exchange(HeadReader& reader, BodyReader& body, std::string& out, std::string_view wire) {
  const std::size_t before = allocations;
  wire.remove_prefix(reader.feed(to_bytes(wire)));
  if (!reader.done()) return static_cast<std::size_t>(-1);
  out.clear();
  HeadWriter head(out);
  head.request_line(reader.request().method, reader.request().target);
  const HopByHop hop_by_hop(reader.request().fields);
  for (const Field& field : reader.request().fields) {
    if (!hop_by_hop.has(field.name)) head.field(field.name, field.value);
  }
  head.end();
  body.start(request_framing(reader.request()).framing);
  Bytes in = to_bytes(wire);
  while (!in.empty() && !body.done() && !body.failed()) in = in.subspan(body.next(in).taken);
  if (!body.done()) return static_cast<std::size_t>(-1);
  reader.clear();
  return allocations - before;
}

}  // namespace

TEST_CASE("the second request of connections that share their buffers allocates nothing, chunked or not") {
  const std::string first = "GET / HTTP/1.1\r\nHost: a.example\r\nAccept: text/html,application/xhtml+xml\r\n\r\n";
  const std::string second =
      "POST /form HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n0\r\n\r\n";
  HeadBuffers buffers;
  HeadReader reader(HeadReader::Kind::request, &buffers);
  BodyReader body;
  std::string out;
  out.reserve(4096);
  CHECK(exchange(reader, body, out, first) > 0);
  CHECK(exchange(reader, body, out, second) == 0);
  HeadReader another(HeadReader::Kind::request, &buffers);
  CHECK(exchange(another, body, out, first) == 0);
}

TEST_CASE("a large head's buffer is given back, a usual one's is kept") {
  HeadBuffers buffers;
  HeadReader reader(HeadReader::Kind::request, &buffers);
  BodyReader body;
  std::string out;
  out.reserve(65536);
  const std::string usual = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string large = "GET / HTTP/1.1\r\nHost: a\r\nCookie: " + std::string(20000, 'c') + "\r\n\r\n";
  exchange(reader, body, out, usual);
  CHECK(exchange(reader, body, out, large) > 0);
  CHECK(exchange(reader, body, out, usual) > 0);
  CHECK(exchange(reader, body, out, usual) == 0);
}

TEST_CASE("readers that read at once have a buffer each, and get it back in any order") {
  HeadBuffers buffers;
  HeadReader one(HeadReader::Kind::request, &buffers);
  HeadReader two(HeadReader::Kind::request, &buffers);
  one.feed(to_bytes("GET /one HTTP/1.1\r\nHost: a\r\n"));
  two.feed(to_bytes("GET /two HTTP/1.1\r\nHost: b\r\n\r\n"));
  REQUIRE(two.done());
  one.feed(to_bytes("\r\n"));
  REQUIRE(one.done());
  CHECK(one.request().target == "/one");
  CHECK(two.request().target == "/two");
  one.clear();
  one.feed(to_bytes("GET /three HTTP/1.1\r\nHost: a\r\n\r\n"));
  CHECK(one.request().target == "/three");
  CHECK(two.request().target == "/two");
}
