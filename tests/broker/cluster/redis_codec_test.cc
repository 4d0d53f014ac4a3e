// The codec of the registry's protocol: what is read, and what is refused before it is kept.
#include "broker/cluster/redis_codec.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace tenfold::broker {
namespace {

struct Outcome {
  std::vector<RedisReply> replies;
  Error error;
};

Outcome read(const std::string& bytes, std::size_t chop) {
  Outcome outcome;
  RedisReader reader;
  for (std::size_t at = 0; at < bytes.size() && !outcome.error; at += chop) {
    outcome.error = reader.feed(to_bytes(std::string_view(bytes).substr(at, chop)), [&](const RedisReply& reply) {
      outcome.replies.push_back(reply);
      return true;
    });
  }
  return outcome;
}

// Whole, and byte by byte: the same.
Outcome read(const std::string& bytes) {
  Outcome whole = read(bytes, bytes.size());
  const Outcome single = read(bytes, 1);
  CHECK(single.replies == whole.replies);
  CHECK(single.error.kind == whole.error.kind);
  CHECK(single.error.detail == whole.error.detail);
  return whole;
}

RedisReply text(std::string value) { return {RedisReply::Kind::text, std::move(value)}; }

TEST_CASE("a command is an array of bulk strings, whatever its words hold") {
  CHECK(format_command({"SET", "a\r\n", std::string("\0x", 2), ""}) ==
        std::string("*4\r\n$3\r\nSET\r\n$3\r\na\r\n\r\n$2\r\n\0x\r\n$0\r\n\r\n", 36));
}

TEST_CASE("replies of every kind are read, in order") {
  const Outcome got =
      read("+OK\r\n-ERR no\r\n:-12\r\n$5\r\nhe\r\no\r\n$-1\r\n*-1\r\n$0\r\n\r\n*2\r\n$1\r\na\r\n*1\r\n:7\r\n*0\r\n");
  REQUIRE(got.replies.size() == 9);
  CHECK(!got.error);
  CHECK(got.replies[0] == RedisReply{RedisReply::Kind::status, "OK"});
  CHECK(got.replies[1] == RedisReply{RedisReply::Kind::error, "ERR no"});
  CHECK(got.replies[1].is_error("ERR"));
  CHECK(got.replies[2].number == -12);
  CHECK(got.replies[3] == text("he\r\no"));
  CHECK(got.replies[4].kind == RedisReply::Kind::nil);
  CHECK(got.replies[5].kind == RedisReply::Kind::nil);
  CHECK(got.replies[6] == text(""));
  REQUIRE(got.replies[7].items.size() == 2);
  CHECK(got.replies[7].items[1].items[0].number == 7);
  CHECK(got.replies[8].is_list());
}

TEST_CASE("a reply that announces more than its cap is refused by its first line") {
  for (const char* hostile : {"$1048577\r\n", "$9223372036854775807\r\n", "*16385\r\n", "*2147483648\r\n",
                              "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", "*2\r\n$1000000\r\n"}) {
    CAPTURE(hostile);
    const std::string bytes = hostile;
    if (bytes.starts_with("*2\r\n")) {
      const Outcome sum = read(bytes + std::string(1'000'000, 'x') + "\r\n$100000\r\n", 4096);
      CHECK(sum.error.kind == ErrorKind::limit);
      continue;
    }
    const Outcome got = read(bytes);
    CHECK(got.error.kind == ErrorKind::limit);
    CHECK(got.replies.empty());
  }
  CHECK(read("+" + std::string(5000, 'x')).error.kind == ErrorKind::limit);
}

TEST_CASE("the caps are of one reply, not of the connection") {
  std::string many;
  for (int i = 0; i < 3; ++i) many += "$700000\r\n" + std::string(700'000, 'x') + "\r\n";
  const Outcome got = read(many, 10'000);
  CHECK(!got.error);
  CHECK(got.replies.size() == 3);
}

TEST_CASE("what is no reply ends the reading; the replies before it count") {
  for (const char* hostile :
       {"HTTP/1.1 400 Bad Request\r\n", "\r\n", "$-2\r\n", "*-7\r\n", ":\r\n", ":1x\r\n", "$1\r\nab\r\n", "$1\r\na\n",
        "+a\nb\r\n", "+a\rb\r\n", "%1\r\n", "_\r\n", "$99999999999999999999999999\r\n", "$\r\n", ":+1\r\n"}) {
    CAPTURE(hostile);
    const Outcome got = read(std::string("+OK\r\n") + hostile);
    CHECK(got.error.kind == ErrorKind::protocol);
    CHECK(got.replies.size() == 1);
  }
}

}  // namespace
}  // namespace tenfold::broker
