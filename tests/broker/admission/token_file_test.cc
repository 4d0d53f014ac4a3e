// The token file: what its lines mean, and which are none.
#include <doctest/doctest.h>

#include <map>

#include "base/base64.h"
#include "broker/admission/name_glob.h"
#include "broker/admission/token_file.h"
#include "broker/admission/token_store.h"
#include "support/test_certificate.h"

using namespace tenfold;
using namespace tenfold::broker;

namespace {

std::string hash_text(const std::string& secret) { return "sha256:" + encode_base64(hash_of_secret(secret)); }

Result<TokenFile> parse(const std::string& text) { return parse_token_file(text, "tokens"); }

Token only(const std::string& text) {
  const Result<TokenFile> file = parse(text);
  if (!file) FAIL(file.error().detail);
  REQUIRE(file->lines.size() == 1);
  return file->lines[0].token;
}

}  // namespace

TEST_CASE("a hashed line says whose token it is and what may be made with it") {
  const Token token = only("team-a " + hash_text("s") + " names=team-a-*,demo tunnels=20 kinds=http reserve\n");
  CHECK(token == Token{"team-a", hash_of_secret("s"), {"team-a-*", "demo"}, 20, {"http"}, true});
  CHECK(only("b " + hash_text("s")) == Token{"b", hash_of_secret("s")});
  for (const Token& each : {token, Token{"c", hash_of_secret("s"), {}, 3}}) CHECK(only(token_line(each)) == each);
}

TEST_CASE("SHA-256 is the published one") {
  CHECK(encode_base64(hash_of_secret("abc")) == "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");  // FIPS 180-2, B.1
}

TEST_CASE("a plain line works as ever, and is known for one") {
  const Result<TokenFile> file = parse("# people\none\r\n\n  \ntwo== bob \n" + ("c " + hash_text("s") + "\n"));
  REQUIRE(file);
  REQUIRE(file->lines.size() == 3);
  CHECK(file->plain() == 2);
  CHECK(file->lines[0].number == 2);
  CHECK(file->lines[0].token.hash == hash_of_secret("one"));
  CHECK(file->lines[0].token.name.starts_with("token-"));
  CHECK(file->lines[0].token.name.find("one") == std::string::npos);
  CHECK(file->lines[1].number == 5);
  CHECK(file->lines[1].token.hash == hash_of_secret("two=="));
  CHECK(file->lines[1].token.name == "bob");
  CHECK_FALSE(file->lines[2].plain);
}

TEST_CASE("a plain line's name is its own, wherever it stands in the file") {
  const auto names = [](const std::string& text) {
    std::map<std::string, std::string> by_hash;
    for (const Token& token : parse(text)->tokens()) by_hash[token.hash] = token.name;
    return by_hash;
  };
  auto once = names("one\ntwo bob\n");
  auto again = names("# new\nthree\n two  bob \none\n");
  CHECK(once[hash_of_secret("one")] == again[hash_of_secret("one")]);
  CHECK(again[hash_of_secret("two")] == "bob");
  CHECK(again[hash_of_secret("three")] != again[hash_of_secret("one")]);
}

TEST_CASE("what is no token is told with the file and the line") {
  const std::string good = "a " + hash_text("s");
  for (const std::string& bad :
       {std::string("one ann of kent"), std::string("t\x01"), std::string("t,w"), std::string("a sha256:"),
        std::string("a sha256:AAAA"), std::string("a sha256:" + std::string(44, '!')), "a=b " + hash_text("s"),
        good + " names=", good + " names=Team-*", good + " names=a,,b", good + " tunnels=0", good + " tunnels=x",
        good + " tunnels=-1", good + " tunnels", good + " kinds=tcp", good + " reserve", good + " names=a reserved",
        good + " color=red", good + " names=a reserve=yes"}) {
    CAPTURE(bad);
    const Result<TokenFile> file = parse("one\n" + bad + "\n");
    REQUIRE_FALSE(file);
    CHECK(file.error().kind == ErrorKind::usage);
    CHECK(file.error().detail.starts_with("tokens:2: "));
  }
  for (const std::string& twice :
       {std::string("one ann\ntwo ann"), std::string("one\none"), good + "\ns b", good + "\n" + good}) {
    CAPTURE(twice);
    CHECK(parse(twice).error().detail.starts_with("tokens:2: this "));
  }
}

TEST_CASE("no line of a fault repeats a secret") {
  CHECK(parse("my-s3cret a b\n").error().detail.find("s3cret") == std::string::npos);
  CHECK(parse("my,s3cret\n").error().detail.find("s3cret") == std::string::npos);
  CHECK(parse("a sha256:s3cret\n").error().detail.find("s3cret") == std::string::npos);
}

TEST_CASE("a token file is read whole, up to its cap") {
  const test::TemporaryDirectory directory;
  CHECK(read_token_file(directory.write("good", "one\n"))->lines.size() == 1);
  CHECK(read_token_file(directory.write("empty", "# none\n"))->lines.empty());
  CHECK(read_token_file(directory.path() + "/missing").error().kind == ErrorKind::usage);
  CHECK(read_token_file(directory.path()).error().kind == ErrorKind::usage);
  const std::string large = directory.write("large", std::string(1024 * 1024 + 1, '#'));
  CHECK(read_token_file(large).error().detail.ends_with("is over 1 MiB"));
}

TEST_CASE("a pattern's stars stand for any part of a name") {
  for (const char* name : {"team-a-", "team-a-web", "team-a-team-a-"}) CHECK(fits_glob("team-a-*", name));
  for (const char* name : {"team-a", "team-b-web", "my-team-a-web", ""}) CHECK_FALSE(fits_glob("team-a-*", name));
  CHECK(fits_glob("demo", "demo"));
  CHECK_FALSE(fits_glob("demo", "demo2"));
  CHECK(fits_glob("*", ""));
  CHECK(fits_glob("a*b*c", "a-b-b-c"));
  CHECK(fits_glob("*ab", "aaab"));
  CHECK_FALSE(fits_glob("a*b*c", "a-c-b"));
  CHECK_FALSE(fits_glob("*a*a*a*a*a*a*a*b", std::string(63, 'a')));
  for (const char* bad : {"", "A", "a_b", "a.b", "a?", "[a]"}) CHECK_FALSE(is_name_glob(bad));
  CHECK_FALSE(is_name_glob(std::string(64, 'a')));
}

TEST_CASE("a secret finds its token, and nothing else does") {
  const TokenStore store(parse("one a\ntwo b\n")->tokens());
  REQUIRE(store.find("two") != nullptr);
  CHECK(store.find("two")->name == "b");
  for (const std::string& wrong : {std::string(), std::string("thre"), std::string("tw"), hash_of_secret("two")}) {
    CHECK(store.find(wrong) == nullptr);
  }
  CHECK(store.named("a") != nullptr);
  CHECK(store.named("one") == nullptr);
}

TEST_CASE("reserved names are the token's whose patterns they fit, and those's who reserve them, too") {
  const TokenStore store(parse("a " + hash_text("1") + " names=team-* reserve\nb " + hash_text("2") + "\nc " +
                               hash_text("3") + " names=team-c,other reserve\nd " + hash_text("4") + " names=team-*\n")
                             ->tokens());
  CHECK_FALSE(store.reserved_from(store.named("a"), "team-x"));
  CHECK(store.reserved_from(store.named("b"), "team-x"));
  CHECK(store.reserved_from(store.named("d"), "team-x"));
  CHECK(store.reserved_from(nullptr, "team-x"));
  CHECK_FALSE(store.reserved_from(store.named("c"), "team-c"));
  CHECK_FALSE(store.reserved_from(store.named("a"), "team-c"));
  CHECK(store.reserved_from(store.named("a"), "other"));
  CHECK_FALSE(store.reserved_from(nullptr, "free"));
}

TEST_CASE("a new secret has its prefix, and 32 random bytes that fit in a head and a URL") {
  const std::string secret = new_secret();
  CHECK(secret.starts_with("tf_"));
  CHECK(decode_base64url(secret.substr(3)).value().size() == 32);
  CHECK(secret != new_secret());
}
