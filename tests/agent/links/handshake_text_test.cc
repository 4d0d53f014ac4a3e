#include "agent/links/handshake_text.h"
#include "base/base64.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "agent/rules.h"
#include "base/limits.h"

namespace tenfold {
namespace {

using handshake::Next;
using handshake::Question;

const std::string classic_json = R"({"id":"blue-fox","port":4321,"max_conn_count":10,"url":"http://blue-fox.example"})";

std::string answer_with(std::string_view status_line, std::string_view body, std::string_view fields = "") {
  return "HTTP/1.1 " + std::string(status_line) + "\r\n" + std::string(fields) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

// Reads `text` in pieces of `chop` bytes; returns how many bytes were taken.
std::size_t feed(AnswerReader& reader, std::string_view text, std::size_t chop) {
  std::size_t taken = 0;
  while (taken < text.size() && !reader.done() && !reader.failed()) {
    taken += reader.feed(to_bytes(text.substr(taken, chop)));
  }
  return taken;
}

HandshakeAnswer read(std::string_view text, bool closed = false) {
  HandshakeAnswer first;
  for (const std::size_t chop : {text.size() + 1, std::size_t{1}, std::size_t{7}}) {
    AnswerReader reader;
    feed(reader, text, chop);
    if (closed) reader.end_of_input();
    CAPTURE(reader.error().detail);
    REQUIRE(reader.done());
    first = reader.take();
  }
  return first;
}

TEST_CASE("the upgrade's request, byte for byte") {
  const std::string text = write_handshake({.host = "broker.example",
                                            .name = "blue-fox",
                                            .token = "secret",
                                            .resume_token = std::string("\0\1\2\3\xfd\xfe\xff", 7),
                                            .question = Question::upgrade});
  CHECK(text.starts_with("GET /blue-fox HTTP/1.1\r\nHost: broker.example\r\nUser-Agent: tenfold-agent/"));
  CHECK(
      text.ends_with("\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\nTenfold-Offer: tenfold/1\r\n"
                     "Authorization: Bearer secret\r\n"
                     "Tenfold-Resume: AAECA_3-_w\r\n\r\n"));
}

TEST_CASE("the second question's request is the classic one with the offer") {
  const std::string text = write_handshake(
      {.host = "broker.example", .name = "blue-fox", .token = {}, .resume_token = {}, .question = Question::offer});
  CHECK(text.starts_with("GET /blue-fox HTTP/1.1\r\nHost: broker.example\r\nUser-Agent: tenfold-agent/"));
  CHECK(text.ends_with("\r\nAccept: application/json\r\nConnection: close\r\nTenfold-Offer: tenfold/1\r\n\r\n"));
}

TEST_CASE("the classic request asks for no upgrade, and for any name when there is none") {
  const std::string text = write_handshake(
      {.host = "broker.example", .name = {}, .token = {}, .resume_token = {}, .question = Question::classic});
  CHECK(text.starts_with("GET /?new HTTP/1.1\r\nHost: broker.example\r\n"));
  CHECK(text.find("Upgrade") == std::string::npos);
  CHECK(text.find("Authorization") == std::string::npos);
  CHECK(text.find("Tenfold") == std::string::npos);
}

TEST_CASE("base64url as RFC 4648 has it, without padding") {
  CHECK(encode_base64url("") == "");
  CHECK(encode_base64url("f") == "Zg");
  CHECK(encode_base64url("fo") == "Zm8");
  CHECK(encode_base64url("foo") == "Zm9v");
  CHECK(encode_base64url("foob") == "Zm9vYg");
  CHECK(encode_base64url("fooba") == "Zm9vYmE");
  CHECK(encode_base64url("foobar") == "Zm9vYmFy");
  CHECK(encode_base64url("\xff\xef\xbe") == "_---");
}

TEST_CASE("behind a 101 the bytes are the link's") {
  const std::string head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n\r\n";
  AnswerReader reader;
  CHECK(reader.feed(to_bytes(head + "PRI * HTTP/2.0")) == head.size());
  REQUIRE(reader.done());
  const HandshakeAnswer answer = reader.take();
  CHECK(answer.answer.upgraded);
  CHECK(handshake::read_answer(Question::upgrade, answer.answer) == Next::link);
}

TEST_CASE("a 101 to something else is no link") {
  for (const char* fields : {"Connection: Upgrade\r\nUpgrade: websocket\r\n", "Upgrade: tenfold/1\r\n", ""}) {
    CAPTURE(fields);
    const HandshakeAnswer answer = read("HTTP/1.1 101 Switching Protocols\r\n" + std::string(fields) + "\r\n");
    CHECK_FALSE(answer.answer.upgraded);
    CHECK(handshake::read_answer(Question::upgrade, answer.answer) == Next::broken);
  }
}

TEST_CASE("a classic server's answer, however its body is framed") {
  for (const std::string& text :
       {answer_with("200 OK", classic_json), "HTTP/1.1 200 OK\r\n\r\n" + classic_json,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n51\r\n" + classic_json + "\r\n0\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\n" + answer_with("200 OK", classic_json)}) {
    CAPTURE(text);
    const HandshakeAnswer answer = read(text, true);
    CHECK(answer.answer.has_classic);
    REQUIRE(answer.json.grant);
    CHECK(answer.json.grant->id == "blue-fox");
    CHECK(answer.json.grant->port == 4321);
    CHECK(answer.json.grant->sockets == 10);
    CHECK(answer.json.grant->url == "http://blue-fox.example");
    CHECK(handshake::read_answer(Question::upgrade, answer.answer) == Next::classic);
    CHECK(handshake::read_answer(Question::offer, answer.answer) == Next::classic);
  }
}

TEST_CASE("a refusal has a code, a message, and when to come back") {
  const HandshakeAnswer answer =
      read(answer_with("429 Too Many Requests", R"({"message":"slow down","code":"rate"})", "Retry-After: 30\r\n"));
  CHECK(answer.json.code == "rate");
  CHECK(answer.json.message == "slow down");
  REQUIRE(answer.retry_after);
  CHECK(*answer.retry_after == 30s);
  CHECK(handshake::read_answer(Question::upgrade, answer.answer) == Next::retry);
}

TEST_CASE("Retry-After is a number of seconds, and not endless") {
  const auto retry_after = [](std::string_view value) {
    return read(answer_with("503 x", "{}", "Retry-After: " + std::string(value) + "\r\n")).retry_after;
  };
  CHECK(retry_after("0") == Duration(0s));
  CHECK(retry_after("999999999") == Duration(1h));
  CHECK_FALSE(retry_after("-1"));
  CHECK_FALSE(retry_after("soon"));
  CHECK_FALSE(retry_after("99999999999999999999999"));
  CHECK_FALSE(retry_after("Fri, 31 Dec 1999 23:59:59 GMT"));
}

TEST_CASE("silence is an answer, half an answer is not") {
  AnswerReader silent;
  silent.end_of_input();
  REQUIRE(silent.done());
  CHECK(handshake::read_answer(Question::upgrade, silent.take().answer) == Next::ask_offer);

  for (const char* text :
       {"HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "HTTP/1.1 103 Early\r\n\r\n"}) {
    CAPTURE(text);
    AnswerReader reader;
    feed(reader, text, 3);
    reader.end_of_input();
    CHECK(reader.failed());
  }
}

TEST_CASE("what is no HTTP, or too much of it, fails") {
  for (const std::string& text :
       {std::string("SSH-2.0-OpenSSH_9.2\r\n\r\n"), std::string("\x15\x03\x01\x00\x02\x02\x46\r\n\r\n", 11),
        answer_with("200 OK", std::string(rules::classic_json_bytes + 1, ' ')),
        "HTTP/1.1 200 OK\r\nX: " + std::string(limits::answer_head_bytes, 'a') + "\r\n\r\n",
        std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")}) {
    CAPTURE(text.substr(0, 100));
    AnswerReader reader;
    feed(reader, text, 1000);
    CHECK(reader.failed());
  }
  std::string endless;
  for (int i = 0; i < 100; ++i) endless += "HTTP/1.1 102 Processing\r\n\r\n";
  AnswerReader reader;
  feed(reader, endless, 1000);
  CHECK(reader.failed());
}

TEST_CASE("a classic ask has nothing to fall back to, and takes the stock server's refusals") {
  const auto next = [](const std::string& text) { return read_answer(Question::classic, read(text)); };
  CHECK(next(answer_with("200 OK", classic_json)) == Next::classic);
  CHECK(next(answer_with("403 Forbidden", R"({"message":"Invalid subdomain."})")) == Next::refused);
  CHECK(next(answer_with("401 Unauthorized", "")) == Next::refused);
  CHECK(next(answer_with("426 Upgrade Required", R"({"message":"no pool","code":"upgrade-required"})")) ==
        Next::refused);
  CHECK(next(answer_with("429 x", R"({"message":"slow","code":"rate"})")) == Next::retry);
  CHECK(next(answer_with("502 Bad Gateway", "<html>")) == Next::broken);
  CHECK(next(answer_with("404 Not Found", "404")) == Next::broken);
  CHECK(next(answer_with("200 OK", "<html>")) == Next::broken);
  CHECK(next("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n\r\n") == Next::broken);
}

TEST_CASE("a grant is believed only where it makes sense") {
  const auto grant = [](std::string_view text) { return parse_broker_json(text).grant; };
  CHECK(grant(classic_json));
  for (const char* text : {"", "null", "[]", "{", "{\"id\":1}", R"({"id":"a","url":"u"})",
                           R"({"id":"a","url":"u","port":0})", R"({"id":"a","url":"u","port":65536})",
                           R"({"id":"a","url":"u","port":-1})", R"({"id":"a","url":"u","port":"80"})",
                           R"({"id":"a","url":"u","port":80.5})", R"({"id":"","url":"u","port":80})",
                           R"({"id":"a","url":1,"port":80})", R"({"id":"a","url":"u","port":18446744073709551616})"}) {
    CAPTURE(text);
    CHECK_FALSE(grant(text));
  }
  CHECK(grant(R"({"id":"a","url":"u","port":80})")->sockets == 1);
  CHECK(grant(R"({"id":"a","url":"u","port":80,"max_conn_count":0})")->sockets == 1);
  CHECK(grant(R"({"id":"a","url":"u","port":80,"max_conn_count":1000000})")->sockets == rules::classic_sockets_most);
  CHECK(grant(R"({"id":"a","url":"u","port":80,"max_conn_count":"x"})")->sockets == 1);
  CHECK(grant(R"({"id":"a","url":"u","port":80,"ip":"10.0.0.1"})")->ip == "10.0.0.1");
  CHECK(grant(R"({"id":"a","url":"u","port":80,"ip":"metadata.internal"})")->ip.empty());
  CHECK(grant(R"({"id":"a","url":"u","port":80,"cached_url":"c"})")->cached_url == "c");
}

TEST_CASE("JSON of endless depth is refused without a crash") {
  CHECK_FALSE(parse_broker_json(std::string(rules::classic_json_bytes, '[')).grant);
  std::string deep = R"({"id":"a","url":"u","port":80,"x":)" + std::string(10000, '[') + std::string(10000, ']') + "}";
  CHECK_FALSE(parse_broker_json(deep).grant);
}

TEST_CASE("random bytes are read to some end, and never past it") {
  std::random_device device;
  const std::uint64_t seed = device();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const std::string whole = answer_with("200 OK", classic_json, "Retry-After: 3\r\n");
  for (int round = 0; round < 2000; ++round) {
    std::string text = whole;
    for (int i = 0; i < 3; ++i) text[random() % text.size()] = static_cast<char>(random());
    AnswerReader reader;
    CHECK(feed(reader, text, 1 + random() % 40) <= text.size());
    reader.end_of_input();
    CHECK((reader.done() || reader.failed()));
  }
}

}  // namespace
}  // namespace tenfold
