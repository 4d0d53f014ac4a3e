// Which name a client gets, as the tokens have it.
#include <doctest/doctest.h>

#include "broker/tunnels/name_choice.h"
#include "broker/tunnels/tunnel_name.h"
#include "some_tokens.h"

using namespace tenfold;
using namespace tenfold::broker;
using handshake::Refusal;
using tenfold::broker::test::hashed_line;

namespace {

TokenStore store(const std::string& rules_of_a, const std::string& rules_of_b = "") {
  const Result<TokenFile> file =
      parse_token_file(hashed_line("a", "a", rules_of_a) + hashed_line("b", "b", rules_of_b), "tokens");
  REQUIRE(file);
  return TokenStore(file->tokens());
}

}  // namespace

TEST_CASE("without tokens, and with one that says nothing of names, every name may be had") {
  CHECK(choose_name(nullptr, "", {"wanted", "http"}).name == "wanted");
  CHECK(choose_name(nullptr, "", {"", "http"}).name.empty());
  const TokenStore tokens = store("");
  CHECK(choose_name(&tokens, "a", {"wanted", "http"}).name == "wanted");
  CHECK(choose_name(&tokens, "a", {"", "http"}).name.empty());
}

TEST_CASE("a token's names are all that it gets, and it is told which they are") {
  const TokenStore tokens = store("names=team-a-*,demo");
  CHECK(choose_name(&tokens, "a", {"team-a-web", "http"}).name == "team-a-web");
  CHECK(choose_name(&tokens, "a", {"demo", "http"}).name == "demo");
  const NameChoice other = choose_name(&tokens, "a", {"team-b-web", "http"});
  CHECK(other.refusal == Refusal::forbidden);
  CHECK(other.detail == "it allows team-a-*, demo");
  CHECK(choose_name(&tokens, "b", {"team-b-web", "http"}).refusal == Refusal::none);
}

TEST_CASE("who wants no name in particular gets one of the first pattern with a star") {
  const auto any = [](const std::string& names) {
    const TokenStore tokens = store("names=" + names);
    return choose_name(&tokens, "a", {"", "http"});
  };
  const NameChoice made = any("demo,team-a-*");
  CHECK(made.name.starts_with("team-a-"));
  CHECK(is_tunnel_name(made.name));
  CHECK(made.name != any("demo,team-a-*").name);
  CHECK(any("*-x*").name.ends_with("-x"));
  CHECK(any("demo").name == "demo");
  const std::string long_one(55, 'x');
  CHECK(any(long_one + "*").name.size() == 63);
  for (const char* hopeless : {"*-", "-*"}) {
    CAPTURE(hopeless);
    CHECK(any(hopeless).refusal == Refusal::forbidden);
  }
}

TEST_CASE("a reserved name goes to no other token, and not by chance either") {
  const TokenStore tokens = store("names=team-a-* reserve");
  CHECK(choose_name(&tokens, "a", {"team-a-web", "http"}).refusal == Refusal::none);
  const NameChoice other = choose_name(&tokens, "b", {"team-a-web", "http"});
  CHECK(other.refusal == Refusal::forbidden);
  CHECK(other.detail == "it is reserved for another token");
  const NameChoice random = choose_name(&tokens, "b", {"", "http"});
  CHECK(is_tunnel_name(random.name));
  CHECK_FALSE(tokens.named("a")->may_have(random.name));
  const TokenStore all = store("names=* reserve");
  CHECK(choose_name(&all, "b", {"", "http"}).refusal == Refusal::forbidden);
  CHECK(choose_name(&all, "b", {"free", "http"}).refusal == Refusal::forbidden);
}

TEST_CASE("who takes another name gets one in place of a reserved one") {
  const TokenStore tokens = store("names=team-a-* reserve");
  const NameChoice choice = choose_name(&tokens, "", {"team-a-web", "http", true});
  CHECK(choice.refusal == Refusal::none);
  CHECK(is_tunnel_name(choice.name));
  CHECK_FALSE(tokens.named("a")->may_have(choice.name));
}

TEST_CASE("a token that is gone, and a kind that it does not make") {
  const TokenStore tokens = store("kinds=http");
  CHECK(choose_name(&tokens, "c", {"x", "http"}).refusal == Refusal::unauthorized);
  CHECK(choose_name(&tokens, "a", {"x", "http"}).refusal == Refusal::none);
  CHECK(choose_name(&tokens, "a", {"x", "tcp"}).refusal == Refusal::forbidden);
}
