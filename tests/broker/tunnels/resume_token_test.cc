// Resume tokens: who opens what, and when no more.
#include "broker/tunnels/resume_token.h"

#include <doctest/doctest.h>

#include <string>

#include "broker/rules.h"
#include "support/test_certificate.h"

using namespace tenfold;
using namespace tenfold::broker;

namespace {

const std::string old_key(32, 'o');
const std::string new_key(32, 'n');
const Claimant who{"token:team-a", "instance-0123456789", 0};

struct Clocked {
  std::int64_t now = 1'000'000;
  ResumeTokens tokens(std::vector<std::string> keys) {
    return ResumeTokens(std::move(keys), [this] { return now; });
  }
};

}  // namespace

TEST_CASE("a token gives back whose the name was, on any replica with the key") {
  Clocked c;
  const std::string token = c.tokens({new_key}).seal("blue-fox", who, 7);
  const auto back = c.tokens({new_key}).open(token, "blue-fox");
  REQUIRE(back);
  CHECK(back->owner == who.owner);
  CHECK(back->instance == who.instance);
  CHECK(back->generation == 7);
  CHECK(back->proven());
  CHECK_FALSE(c.tokens({old_key}).open(token, "blue-fox"));
  CHECK_FALSE(c.tokens({new_key}).open(token, "red-fox"));
  CHECK_FALSE(c.tokens({new_key}).open(token, ""));
}

TEST_CASE("a token is good for a day") {
  Clocked c;
  const ResumeTokens tokens = c.tokens({new_key});
  const std::string token = tokens.seal("blue-fox", who, 7);
  c.now += 24 * 3600 - 1;
  CHECK(tokens.open(token, "blue-fox"));
  c.now += 1;
  CHECK_FALSE(tokens.open(token, "blue-fox"));
}

TEST_CASE("while keys rotate both open, and the first one seals") {
  Clocked c;
  const std::string before = c.tokens({old_key}).seal("blue-fox", who, 7);
  const ResumeTokens both = c.tokens({new_key, old_key});
  CHECK(both.open(before, "blue-fox"));
  CHECK(c.tokens({new_key}).open(both.seal("blue-fox", who, 8), "blue-fox"));
  ResumeTokens rotated = c.tokens({old_key});
  rotated.rotate({new_key});
  CHECK_FALSE(rotated.open(before, "blue-fox"));
}

TEST_CASE("a token with any bit changed, cut or longer opens nothing") {
  Clocked c;
  const ResumeTokens tokens = c.tokens({new_key});
  const std::string token = tokens.seal("blue-fox", who, 7);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK_FALSE(tokens.open(changed, "blue-fox"));
    CHECK_FALSE(tokens.open(token.substr(0, i), "blue-fox"));
  }
  CHECK_FALSE(tokens.open(token + "x", "blue-fox"));
  CHECK_FALSE(tokens.open(std::string(100'000, 'x'), "blue-fox"));
}

TEST_CASE("the longest name, owner and instance fit") {
  Clocked c;
  const ResumeTokens tokens = c.tokens({new_key});
  const std::string name(63, 'a');
  const Claimant longest{"token:" + std::string(255, 't'), std::string(rules::instance_most, 'i'), 0};
  CHECK(tokens.open(tokens.seal(name, longest, ~std::uint64_t{0}), name));
}

TEST_CASE("a claimant with another operator's token is not the former owner") {
  const Claimant team_b = make_claimant("team-b", "instance-0123456789", "203.0.113.1");
  Claimant former = who;
  former.generation = 7;
  CHECK(resume_or(former, team_b).owner == "token:team-b");
  CHECK_FALSE(resume_or(former, team_b).resumed());
  CHECK(resume_or(former, make_claimant("", "", "203.0.113.1")).owner == who.owner);
  CHECK(resume_or(former, make_claimant("", "", "203.0.113.1")).proven());
  CHECK_FALSE(resume_or({}, make_claimant("", "too-short", "203.0.113.1")).proven());
}

TEST_CASE("the keys' file: what is wrong is named with its line, and no key") {
  const test::TemporaryDirectory directory;
  const std::string path = directory.path() + "/keys";
  const auto write = [&](const std::string& text) { directory.write("keys", text); };
  const auto error = [&] {
    const auto read = read_cluster_keys(path);
    return read ? std::string() : read.error().detail;
  };
  CHECK(error().find("cannot read") != std::string::npos);
  write("# two\n\n" + new_key + "\n" + old_key + "\r\n");
  REQUIRE(read_cluster_keys(path));
  CHECK(*read_cluster_keys(path) == std::vector<std::string>{new_key, old_key});
  write("# nothing\n");
  CHECK(error().find("no key") != std::string::npos);
  write("\nsecret\n");
  CHECK(error().find(":2: ") != std::string::npos);
  write(new_key + "\n" + old_key + "\n" + std::string(32, 'x') + "\n");
  CHECK(error().find(":3: ") != std::string::npos);
}
