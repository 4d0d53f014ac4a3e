// The decoder of bodies: whole, byte by byte and chopped.
#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"
#include "cut.h"
#include "http1/body_framing.h"
#include "http1/head_writer.h"

using namespace tenfold;
using namespace tenfold::http1;
using namespace tenfold::http;
using Kind = Framing::Kind;

namespace {

struct Outcome {
  std::string payload;
  std::size_t taken = 0;
  std::string end;  // "done", "more", or "status reason"
  std::string trailers;
};

Outcome decode(Framing framing, std::string_view wire, const test::Cut& cut) {
  BodyReader body(framing);
  Outcome out;
  test::for_each_piece(wire, cut, [&](Bytes in) {
    while (!in.empty() && !body.done() && !body.failed()) {
      const BodyReader::Step step = body.next(in);
      REQUIRE(step.taken > 0);
      REQUIRE(step.taken <= in.size());
      out.payload += to_text(step.payload);
      out.taken += step.taken;
      in = in.subspan(step.taken);
    }
    return !body.done() && !body.failed();
  });
  out.end = body.done() ? "done" : "more";
  if (body.failed()) out.end = std::to_string(body.fault().status) + " " + body.fault().reason;
  if (body.done()) {
    for (const Field& field : body.trailers())
      out.trailers.append(field.name).append("=").append(field.value).append(";");
  }
  return out;
}

Outcome decode(Framing framing, std::string_view wire) { return decode(framing, wire, {"whole", {wire.size()}}); }

constexpr Framing chunked{Kind::chunked, 0};

}  // namespace

TEST_CASE("no body is done at once") {
  BodyReader body;
  CHECK(body.done());
  CHECK(body.next(to_bytes("x")).taken == 0);
  CHECK(BodyReader(Framing{Kind::none, 0}).done());
  CHECK(BodyReader(Framing{Kind::length, 0}).done());
  CHECK(body.end_of_input());
}

TEST_CASE("a body with a length is that many bytes, and no more is taken") {
  const std::string wire = "hello, world";
  for (const test::Cut& cut : test::cuts(wire.size())) {
    CAPTURE(cut.name);
    const Outcome out = decode({Kind::length, 5}, wire, cut);
    CHECK(out.payload == "hello");
    CHECK(out.taken == 5);
    CHECK(out.end == "done");
  }
  BodyReader body({Kind::length, 5});
  CHECK(body.remaining() == 5);
  body.next(to_bytes("he"));
  CHECK(body.remaining() == 3);
}

TEST_CASE("a body until close takes all, and is whole when the connection ends") {
  BodyReader body({Kind::until_close, 0});
  const Bytes in = to_bytes("abc");
  const BodyReader::Step step = body.next(in);
  CHECK(step.taken == 3);
  CHECK(step.payload.data() == in.data());
  CHECK_FALSE(body.done());
  CHECK(body.end_of_input());
  CHECK(body.done());
}

TEST_CASE("any other body that the connection's end cuts is not whole") {
  BodyReader length({Kind::length, 5});
  length.next(to_bytes("abcd"));
  CHECK_FALSE(length.end_of_input());
  CHECK(length.failed());
  for (const std::string wire : {"", "5", "5\r\nhello", "5\r\nhello\r\n", "0\r\n", "0\r\n\r", "0\r\nX: y\r\n"}) {
    CAPTURE(wire);
    BodyReader body(chunked);
    Bytes in = to_bytes(wire);
    while (!in.empty()) in = in.subspan(body.next(in).taken);
    CHECK_FALSE(body.end_of_input());
    CHECK(std::string_view(body.fault().reason) == "body-cut");
  }
}

TEST_CASE("a chunked body is the same however it is cut, and what follows is left alone") {
  const std::string body =
      "5\r\nhello\r\n"
      "000A;name=value;quoted=\"a;b\" ; x\r\n0123456789\r\n"
      "1 \t;x\r\n!\r\n"
      "f\r\n\r\n0\r\n\r\nGET / HT\r\n"
      "0;last\r\n"
      "\r\n";
  const std::string wire = body + "GET / HTTP/1.1\r\n";
  for (const test::Cut& cut : test::cuts(wire.size())) {
    CAPTURE(cut.name);
    const Outcome out = decode(chunked, wire, cut);
    CHECK(out.payload == "hello0123456789!\r\n0\r\n\r\nGET / HT");
    CHECK(out.taken == body.size());
    CHECK(out.end == "done");
    CHECK(out.trailers.empty());
  }
}

TEST_CASE("trailers are read behind the last chunk") {
  const std::string body = "1\r\nx\r\n0\r\nX-Sum: 1\r\nServer-Timing: a\r\n\r\n";
  for (const test::Cut& cut : test::cuts(body.size() + 3)) {
    CAPTURE(cut.name);
    const Outcome out = decode(chunked, body + "GET", cut);
    CHECK(out.payload == "x");
    CHECK(out.taken == body.size());
    CHECK(out.end == "done");
    CHECK(out.trailers == "X-Sum=1;Server-Timing=a;");
  }
}

TEST_CASE("payload is a view into what came, and one step gives a whole chunk") {
  const std::string wire = "400\r\n" + std::string(1024, 'x') + "\r\n0\r\n\r\n";
  BodyReader body(chunked);
  const Bytes in = to_bytes(wire);
  const BodyReader::Step step = body.next(in);
  CHECK(step.payload.data() == in.data() + 5);
  CHECK(step.payload.size() == 1024);
  CHECK(step.taken == 5 + 1024);
  const BodyReader::Step last = body.next(in.subspan(step.taken));
  CHECK(last.taken == wire.size() - step.taken);
  CHECK(last.payload.empty());
  CHECK(body.done());
}

TEST_CASE("a chunk that is not framed to the letter is refused, however it is cut") {
  struct Refusal {
    std::string wire;
    std::string payload;  // that had come by then
    std::string end;
  };
  const std::string rest = "\r\nhello\r\n0\r\n\r\n";
  for (const Refusal& refusal : {
           Refusal{"\r\n", "", "400 bad-chunk-size"},
           Refusal{"x", "", "400 bad-chunk-size"},
           Refusal{" 5" + rest, "", "400 bad-chunk-size"},
           Refusal{"+5" + rest, "", "400 bad-chunk-size"},
           Refusal{"-5" + rest, "", "400 bad-chunk-size"},
           Refusal{"0x5" + rest, "", "400 bad-chunk-size"},
           Refusal{"5 " + rest, "", "400 bad-chunk-size"},
           Refusal{"5\t" + rest, "", "400 bad-chunk-size"},
           Refusal{"5 5" + rest, "", "400 bad-chunk-size"},
           Refusal{"5g" + rest, "", "400 bad-chunk-size"},
           Refusal{"5_" + rest, "", "400 bad-chunk-size"},
           Refusal{";a" + rest, "", "400 bad-chunk-size"},
           Refusal{"5\nhello\r\n0\r\n\r\n", "", "400 bad-chunk-size"},
           Refusal{"8000000000000000\r\n", "", "400 bad-chunk-size"},
           Refusal{"FFFFFFFFFFFFFFFF\r\n", "", "400 bad-chunk-size"},
           Refusal{"10000000000000005\r\n", "", "400 bad-chunk-size"},
           Refusal{"00000000000000005\r\n", "", "400 bad-chunk-size"},
           Refusal{"5\r\rhello\r\n0\r\n\r\n", "", "400 bad-chunk-end"},
           Refusal{"5\rhello\r\n0\r\n\r\n", "", "400 bad-chunk-end"},
           Refusal{"5;a\n" + rest, "", "400 bad-chunk-extension"},
           Refusal{"5;a\rb" + rest, "", "400 bad-chunk-end"},
           Refusal{std::string("5;a\0b", 5) + rest, "", "400 bad-chunk-extension"},
           Refusal{"5;a\x7f" + rest, "", "400 bad-chunk-extension"},
           Refusal{"5\r\nhello0\r\n\r\n", "hello", "400 bad-chunk-end"},
           Refusal{"5\r\nhello\n0\r\n\r\n", "hello", "400 bad-chunk-end"},
           Refusal{"5\r\nhello\r0\r\n\r\n", "hello", "400 bad-chunk-end"},
           Refusal{"5\r\nhello world\r\n", "hello", "400 bad-chunk-end"},
           Refusal{"5\r\nhello\r\n\r\n", "hello", "400 bad-chunk-size"},
           Refusal{"0\r\n\n", "", "400 bare-lf"},
           Refusal{"0\r\n\rX", "", "400 bad-chunk-end"},
           Refusal{"0\r\nX : y\r\n\r\n", "", "400 space-before-colon"},
           Refusal{"0\r\n X: y\r\n\r\n", "", "400 obs-fold"},
           Refusal{"0\r\nX: y\n\r\n", "", "400 bare-lf"},
           Refusal{"0\r\nGET / HTTP/1.1\r\n\r\n", "", "400 no-colon"},
           Refusal{"0\r\nX: " + std::string(limits::trailer_bytes, 'x'), "", "431 long-trailers"},
       }) {
    const std::string shown = refusal.wire.substr(0, 80);
    CAPTURE(shown);
    const Outcome whole = decode(chunked, refusal.wire);
    for (const test::Cut& cut : test::cuts(refusal.wire.size())) {
      CAPTURE(cut.name);
      const Outcome out = decode(chunked, refusal.wire, cut);
      CHECK(out.end == refusal.end);
      CHECK(out.payload == refusal.payload);
      CHECK(out.taken == whole.taken);
    }
  }
}

TEST_CASE("a chunk size may be as large as a signed number, in sixteen digits") {
  CHECK(decode(chunked, "7FFFFFFFFFFFFFFF\r\nx").payload == "x");
  CHECK(decode(chunked, "7fffffffffffffff\r\nx").end == "more");
  CHECK(decode(chunked, "0000000000000005\r\nhello\r\n0\r\n\r\n").end == "done");
}

TEST_CASE("extensions have a cap for the whole message") {
  // Half of the cap in each of two chunks.
  const std::string half = ";" + std::string(limits::chunk_extension_bytes / 2 - 1, 'e');
  const std::string full = "1" + half + "\r\nx\r\n0" + half;
  CHECK(decode(chunked, full + "\r\n\r\n").end == "done");
  const std::string beyond = full + "e\r\n\r\n";
  for (const test::Cut& cut : test::cuts(beyond.size())) {
    CAPTURE(cut.name);
    CHECK(decode(chunked, beyond, cut).end == "431 long-chunk-extensions");
  }
}

TEST_CASE("each message has the whole cap for its extensions") {
  const std::string wire = "1;" + std::string(limits::chunk_extension_bytes - 1, 'e') + "\r\nx\r\n0\r\n\r\n";
  BodyReader body;
  for (int message = 0; message < 2; ++message) {
    body.start(chunked);
    Bytes in = to_bytes(wire);
    while (!in.empty() && !body.failed()) in = in.subspan(body.next(in).taken);
    CHECK(body.done());
  }
}

TEST_CASE("a reader that is started anew has forgotten the last body") {
  BodyReader body(chunked);
  const std::string with_trailer = "1;abc\r\nx\r\n0\r\nX: y\r\n\r\n";
  Bytes in = to_bytes(with_trailer);
  while (!in.empty()) in = in.subspan(body.next(in).taken);
  REQUIRE(body.done());
  CHECK(body.trailers().size() == 1);
  body.start(chunked);
  CHECK_FALSE(body.done());
  CHECK(body.trailers().empty());
  body.next(to_bytes("z"));
  CHECK(body.failed());
  body.start({Kind::length, 1});
  CHECK_FALSE(body.failed());
  CHECK_FALSE(body.fault());
  CHECK(to_text(body.next(to_bytes("ab")).payload) == "a");
}

TEST_CASE("what ChunkHead writes is read back") {
  std::string wire;
  std::string sent;
  for (std::size_t size = 1; size < 600; size += 37) {
    const std::string payload(size, static_cast<char>('a' + size % 26));
    wire.append(to_text(ChunkHead(size).bytes())).append(payload).append(chunk_end);
    sent += payload;
  }
  wire.append(last_chunk).append(chunk_end);
  for (const test::Cut& cut : test::cuts(wire.size())) {
    CAPTURE(cut.name);
    const Outcome out = decode(chunked, wire, cut);
    CHECK(out.payload == sent);
    CHECK(out.end == "done");
  }
}

TEST_CASE("a reader is small, for every connection has one") { CHECK(sizeof(BodyReader) <= 64); }
