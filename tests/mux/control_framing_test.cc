// Control messages, whole, byte-wise and chopped, and what is none.
#include "mux/control_framing.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "base/limits.h"

using namespace tenfold;

namespace {

control::ControlMessage notice(std::string text) {
  control::ControlMessage message;
  message.mutable_notice()->set_text(std::move(text));
  return message;
}

struct Read {
  std::vector<std::string> texts;  // of Notices; "?" for another kind
  Error error;
  bool at_boundary = false;
};

Read read(std::string_view bytes, const std::function<std::size_t()>& piece) {
  Read result;
  ControlReader reader;
  while (!bytes.empty() && !result.error) {
    const std::string cut(bytes.substr(0, piece()));
    bytes.remove_prefix(cut.size());
    result.error = reader.feed(to_bytes(cut), [&result](const control::ControlMessage& message) {
      result.texts.push_back(message.has_notice() ? message.notice().text() : "?");
      return true;
    });
  }
  result.at_boundary = reader.at_boundary();
  return result;
}

Read read_whole(std::string_view bytes) {
  return read(bytes, [&bytes] { return bytes.size(); });
}

}  // namespace

TEST_CASE("control messages come out as they went in, however they are cut") {
  const std::vector<std::string> texts = {
      "", "a", std::string(127, 'b'), std::string(128, 'c'), std::string(20'000, 'd'), "e"};
  std::string bytes;
  for (const std::string& text : texts) bytes += encode_control(notice(text));
  std::mt19937 random(42);
  const auto check = [&texts](const Read& result) {
    CHECK_FALSE(result.error);
    CHECK(result.at_boundary);
    CHECK(result.texts == texts);
  };
  check(read_whole(bytes));
  check(read(bytes, [] { return 1; }));
  for (int round = 0; round < 50; ++round) {
    check(read(bytes, [&random] { return 1 + random() % 3000; }));
  }
}

TEST_CASE("a length is a varint in front of the message") {
  CHECK(encode_control({}) == std::string(1, '\0'));
  const std::string bytes = encode_control(notice(std::string(300, 'x')));
  // Notice is field 5: tag, length, then its text, field 1: tag, length.
  CHECK(bytes.substr(0, 8) == "\xb2\x02\x2a\xaf\x02\x0a\xac\x02");
  CHECK(bytes.size() == 2 + 306);
}

TEST_CASE("a message of 64 KiB is taken, one more octet is not, and that is known from its length") {
  const auto sized = [](std::size_t size) {
    for (std::size_t text = size - 16; text < size; ++text) {
      if (notice(std::string(text, 'x')).ByteSizeLong() == size) return notice(std::string(text, 'x'));
    }
    return control::ControlMessage{};
  };
  const control::ControlMessage longest = sized(limits::control_message_bytes);
  REQUIRE(longest.has_notice());
  CHECK(read_whole(encode_control(longest)).texts == std::vector{longest.notice().text()});
  const Read beyond = read_whole("\x81\x80\x04");
  CHECK(beyond.error.kind == ErrorKind::limit);
}

TEST_CASE("kinds and fields that are not known come through as nothing") {
  // Field 99 of ControlMessage, with two octets in it; then a Notice with a field 77.
  const std::string unknown =
      std::string("\x05\x9a\x06\x02hi", 6) + std::string("\x08\x2a\x06\xe8\x04\x01\x0a\x01x", 9);
  const Read result = read_whole(unknown);
  CHECK_FALSE(result.error);
  CHECK(result.texts == std::vector<std::string>{"?", "x"});
}

TEST_CASE("what is no control message is refused, and nothing is taken after it") {
  const std::string good = encode_control(notice("good"));
  struct Case {
    std::string what;
    std::string bytes;
    ErrorKind kind;
  };
  const std::vector<Case> cases = {
      {"six octets of length", std::string("\x80\x80\x80\x80\x80\x01", 6), ErrorKind::protocol},
      {"a length of 4 GiB", "\xff\xff\xff\xff\x0f", ErrorKind::limit},
      {"a length of 35 bits", "\xff\xff\xff\xff\x7f", ErrorKind::limit},
      {"a field that runs over the message's end", std::string("\x02\x2a\x05", 3), ErrorKind::protocol},
      {"a wire type that is none", std::string("\x01\x07", 2), ErrorKind::protocol},
      {"text that is no UTF-8", std::string("\x05\x2a\x03\x0a\x01\xff", 6), ErrorKind::protocol},
  };
  for (const Case& c : cases) {
    CAPTURE(c.what);
    for (const std::size_t piece : {std::size_t{1}, std::size_t{1000}}) {
      const Read result = read(good + c.bytes + good, [piece] { return piece; });
      CHECK(result.error.kind == c.kind);
      CHECK(result.texts == std::vector<std::string>{"good"});
    }
  }
  ControlReader reader;
  const auto none = [](const control::ControlMessage&) {
    FAIL("a message after a fault");
    return true;
  };
  CHECK(reader.feed(to_bytes(cases[1].bytes), none));
  CHECK(reader.feed(to_bytes(good), none));
}

TEST_CASE("a message that is cut leaves the reader in mid-message") {
  const std::string bytes = encode_control(notice("cut"));
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    const Read result = read_whole(std::string_view(bytes).substr(0, cut));
    CHECK_FALSE(result.error);
    CHECK_FALSE(result.at_boundary);
    CHECK(result.texts.empty());
  }
}
