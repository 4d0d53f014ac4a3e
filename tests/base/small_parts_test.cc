// The small parts of base: watermark, pause set, graveyard, result, error, a time for people, and what a terminal may
// see.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "base/base64.h"
#include "base/error.h"
#include "base/graveyard.h"
#include "base/log.h"
#include "base/pause_set.h"
#include "base/result.h"
#include "base/time.h"
#include "base/watermark.h"
#include "support/test_runtime.h"

namespace tenfold {

TEST_CASE("a watermark speaks once on the way up and once on the way down") {
  using enum Watermark::Crossed;
  Watermark mark(10, 100);
  CHECK(mark.add(99) == nothing);
  CHECK(mark.add(1) == rose);
  CHECK(mark.add(50) == nothing);
  CHECK(mark.above());
  CHECK(mark.remove(139) == nothing);  // 11: between the marks
  CHECK(mark.add(100) == nothing);     // not told again before it fell
  CHECK(mark.set(10) == fell);
  CHECK(mark.set(0) == nothing);
  CHECK_FALSE(mark.above());
  CHECK(mark.set(200) == rose);
  CHECK(mark.level() == 200);
}

TEST_CASE("a source runs when no reason to pause it is left") {
  enum class Reason { window, handler };
  PauseSet<Reason> paused;
  CHECK(paused.pause(Reason::window));
  CHECK_FALSE(paused.pause(Reason::window));
  CHECK_FALSE(paused.pause(Reason::handler));
  CHECK_FALSE(paused.resume(Reason::window));
  CHECK(paused.paused());
  CHECK(paused.has(Reason::handler));
  CHECK_FALSE(paused.has(Reason::window));
  CHECK(paused.resume(Reason::handler));
  CHECK_FALSE(paused.resume(Reason::handler));
  CHECK_FALSE(paused.paused());
}

TEST_CASE("a graveyard keeps the dead until it is cleared, and takes those that die of it") {
  struct Mourner {
    Graveyard& graveyard;
    std::string& log;
    std::unique_ptr<Mourner> follower;
    ~Mourner() {
      log += follower == nullptr ? 'b' : 'a';
      graveyard.bury(std::move(follower));
    }
  };
  Graveyard graveyard;
  std::string log;
  auto second = std::unique_ptr<Mourner>(new Mourner{graveyard, log, nullptr});
  auto first = std::unique_ptr<Mourner>(new Mourner{graveyard, log, std::move(second)});
  graveyard.bury(std::move(first));
  CHECK(first == nullptr);
  CHECK(log.empty());
  CHECK_FALSE(graveyard.empty());
  graveyard.clear();
  CHECK(log == "ab");
  CHECK(graveyard.empty());
  graveyard.bury(std::unique_ptr<Mourner>());
  CHECK(graveyard.empty());
}

TEST_CASE("a result is its value or the error in its place") {
  const Result<std::string> good(std::string("value"));
  CHECK(good);
  CHECK(*good == "value");
  CHECK(good->size() == 5);
  const Result<std::string> bad(Error{ErrorKind::dns, "nobody.example: no address"});
  CHECK_FALSE(bad);
  CHECK(describe(bad.error()) == "dns: nobody.example: no address");
  Result<std::unique_ptr<int>> owner(std::make_unique<int>(7));
  const std::unique_ptr<int> taken = *std::move(owner);
  CHECK(*taken == 7);
}

TEST_CASE("an error describes itself in one line") {
  CHECK(describe({}) == "none");
  CHECK(describe({ErrorKind::timeout, ""}) == "timeout");
  CHECK(describe({ErrorKind::io, "disk full"}) == "io: disk full");
  CHECK_FALSE(Error{});
  CHECK(Error{ErrorKind::closed, ""});
  CHECK(system_reason(2) == "no such file or directory");
}

TEST_CASE("a time for people has the seconds that matter") {
  CHECK(in_seconds(30s) == "30 s");
  CHECK(in_seconds(10min) == "600 s");
  CHECK(in_seconds(1500ms) == "1.5 s");
  CHECK(in_seconds(75400ms) == "75 s");
  CHECK(in_seconds(0s) == "0 s");
}

TEST_CASE("a terminal sees text from afar with nothing in it that moves the cursor") {
  CHECK(printable("plain text, gr\xc3\xbc\xc3\x9f dich \xe2\x82\xac \xf0\x9f\x98\x80") ==
        "plain text, gr\xc3\xbc\xc3\x9f dich \xe2\x82\xac \xf0\x9f\x98\x80");
  CHECK(printable("\x1b[2J\r\n\t\x7f") == "\\x1b[2J\\x0d\\x0a\\x09\\x7f");
  CHECK(printable(std::string_view("\0", 1)) == "\\x00");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");           // C1: CSI in one character
  CHECK(printable("\xe2\x80\xae") == "\\xe2\\x80\\xae");  // right-to-left override
  CHECK(printable("\xe2\x81\xa6") == "\\xe2\\x81\\xa6");  // isolate
  CHECK(printable("\xe2\x80\xa6") == "\xe2\x80\xa6");     // an ellipsis is not one of them
  // Zero width: space, joiner, word joiner, byte order mark, soft hyphen, Arabic letter mark, Hangul filler, a tag.
  for (const char* hidden : {"\xe2\x80\x8b", "\xe2\x80\x8d", "\xe2\x81\xa0", "\xef\xbb\xbf", "\xc2\xad", "\xd8\x9c",
                             "\xe3\x85\xa4", "\xf3\xa0\x81\x81", "\xe2\x80\xa8", "\xe2\x80\x8f"}) {
    CHECK(printable(hidden).starts_with("\\x"));
  }
  CHECK(printable("\xff\xfe") == "\\xff\\xfe");                    // not UTF-8
  CHECK(printable("a\xc3") == "a\\xc3");                           // cut short
  CHECK(printable("\xc0\xaf") == "\\xc0\\xaf");                    // overlong
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // beyond Unicode
  CHECK(printable("abcdef", 3) == "abc...");
  CHECK(printable("abc", 3) == "abc");
}

TEST_CASE("a log drops what is below its level before anything is made of it") {
  test::RecordingLog log;
  log.set_level(LogLevel::warn);
  log.info("unheard");
  log.warn("heard", {{"text", "a b"}, {"number", 7}, {"size", std::size_t{8}}});
  REQUIRE(log.lines.size() == 1);
  CHECK(log.lines[0] == "heard text=a b number=7 size=8");
  log.set_level(LogLevel::off);
  CHECK_FALSE(log.wants(LogLevel::error));
}

}  // namespace tenfold

TEST_CASE("base64 is RFC 4648's, and what is none is told") {
  CHECK(tenfold::decode_base64("") == "");
  CHECK(tenfold::decode_base64("Zg==") == "f");
  CHECK(tenfold::decode_base64("Zm8=") == "fo");
  CHECK(tenfold::decode_base64("Zm9v") == "foo");
  CHECK(tenfold::decode_base64("+/+/") == "\xfb\xff\xbf");
  for (const char* bad : {"Z", "Zg", "Zg=", "Zg===", "Zh==", "Z===", "Zm9v=", "-_-_", "Zm 9", "=Zg="}) {
    CAPTURE(bad);
    CHECK_FALSE(tenfold::decode_base64(bad));
  }
  CHECK(tenfold::decode_base64url("-_-_") == "\xfb\xff\xbf");
  CHECK(tenfold::decode_base64url("Zg") == "f");
  CHECK_FALSE(tenfold::decode_base64url("Zg=="));
  CHECK_FALSE(tenfold::decode_base64url("Z"));
  for (const std::string& text : {std::string(), std::string("f"), std::string("fo"), std::string("foo\0\xff", 5)}) {
    CHECK(tenfold::decode_base64url(tenfold::encode_base64url(text)) == text);
  }
}
