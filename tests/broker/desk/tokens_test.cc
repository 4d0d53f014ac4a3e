// New tunnels where the operator has given out tokens.
#include <doctest/doctest.h>

#include "desk/asking.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;

TEST_CASE("a token is its tunnels' owner, from whatever address") {
  Rig rig("myapp", with_tokens("mine a\nyours b\n"));
  const std::string mine = upgrade + "Authorization: Bearer mine\r\n";
  REQUIRE(ask_from(rig, "203.0.113.9", "/wanted", mine).status == 101);
  CHECK(rig.grant.who.owner == "token:a");
  CHECK(rig.grant.token == "a");
  rig.names.hold(rig.grant.claim);
  CHECK(ask_from(rig, "203.0.113.9", "/wanted", upgrade + "Authorization: Bearer yours\r\n").status == 409);
  CHECK(ask_from(rig, "198.51.100.7", "/wanted", mine).status == 101);
}

TEST_CASE("a token has its names and no others, and a random one fits, too") {
  Rig rig("myapp", with_tokens(hashed_line("a", "mine", "names=team-a-*,demo reserve") + "yours b\n"));
  const std::string mine = "Authorization: Bearer mine\r\n";
  const Got other = ask_from(rig, "203.0.113.9", "/other", upgrade + mine);
  CHECK(other.status == 403);
  CHECK(other.value()["code"] == "forbidden");
  CHECK(other.value()["message"] == "Your token does not allow this name. (it allows team-a-*, demo)");
  CHECK(ask_from(rig, "203.0.113.9", "/other", mine).status == 403);
  CHECK(ask_from(rig, "203.0.113.9", "/demo", mine).value()["id"] == "demo");
  CHECK(ask_from(rig, "203.0.113.9", "/?new", mine).value()["id"].get<std::string>().starts_with("team-a-"));
  REQUIRE(ask_from(rig, "203.0.113.9", "/?new", upgrade + mine).status == 101);
  CHECK(rig.grant.claim.name.starts_with("team-a-"));
  const Got reserved = ask_from(rig, "203.0.113.9", "/team-a-x", upgrade + "Authorization: Bearer yours\r\n");
  CHECK(reserved.status == 403);
  CHECK(reserved.value()["message"] == "Your token does not allow this name. (it is reserved for another token)");
}

TEST_CASE("a classic client whose name is in use gets another one that its token may have, or is refused") {
  const std::string mine = "Authorization: Bearer mine\r\n";
  Rig several("team-a-web", with_tokens(hashed_line("a", "mine", "names=team-a-*")));
  CHECK(ask(several, "/team-a-web", mine).value()["id"].get<std::string>().starts_with("team-a-"));
  Rig one("demo", with_tokens(hashed_line("a", "mine", "names=demo")));
  CHECK(ask(one, "/demo", mine).status == 409);
  CHECK(ask(one, "/?new", mine).status == 409);
}

TEST_CASE("a token's number of tunnels is one for all of its addresses, classic and links") {
  Rig rig("myapp", with_tokens(hashed_line("a", "mine", "tunnels=2")));
  const std::string mine = "Authorization: Bearer mine\r\n";
  rig.admission.on_tunnel_up("203.0.113.1", "a");
  CHECK(ask_from(rig, "203.0.113.9", "/?new", mine).status == 200);
  rig.admission.on_tunnel_up("203.0.113.9", "a");
  const Got full = ask_from(rig, "127.0.0.1", "/?new", upgrade + mine);
  CHECK(full.status == 429);
  CHECK(full.value()["code"] == "limit");
}

TEST_CASE("stock clients show a token in the path or the query, and it is in nothing that they get back") {
  Rig rig("myapp", with_tokens("tf_abc a\nplain b\n"));
  for (const char* path : {"/tf_abc/?new", "/tf_abc/wanted", "/wanted1?token=plain", "/?new&token=tf_abc"}) {
    CAPTURE(path);
    const Got got = ask_from(rig, "203.0.113.9", path);
    CHECK(got.status == 200);
    CHECK(got.head.find("tf_abc") == std::string::npos);
    CHECK(got.body.find("tf_abc") == std::string::npos);
    CHECK(got.body.find("plain") == std::string::npos);
  }
  CHECK(ask_from(rig, "203.0.113.9", "/tf_abd/?new").status == 401);
  CHECK(ask_from(rig, "203.0.113.9", "/wanted?token=wrong").status == 401);
  CHECK(ask_from(rig, "203.0.113.9", "/tf_abc/api/tunnels/x/status").status == 404);
  CHECK(ask_from(rig, "203.0.113.9", "/tf_abc").status == 404);
}

TEST_CASE("where classic clients need no token, they have the limits by address, and no reserved name") {
  AdmissionOptions options = with_tokens(hashed_line("a", "mine", "names=team-a-* reserve"));
  options.creates_per_ip = 2;
  Rig rig("myapp", options, {"", "", true, "", true});
  const Got reserved = ask_from(rig, "203.0.113.9", "/team-a-web");
  CHECK(reserved.status == 200);
  CHECK_FALSE(reserved.value()["id"].get<std::string>().starts_with("team-a-"));
  CHECK(ask_from(rig, "203.0.113.9", "/free-name").value()["id"] == "free-name");
  CHECK(ask_from(rig, "203.0.113.9", "/?new").status == 429);
  CHECK(ask_from(rig, "203.0.113.9", "/?new", "Authorization: Bearer mine\r\n").status == 200);
  CHECK(ask_from(rig, "203.0.113.9", "/?new", "Authorization: Bearer wrong\r\n").status == 401);
  CHECK(ask_from(rig, "198.51.100.1", "/?new", upgrade).status == 401);
}

TEST_CASE("with tokens, a tunnel needs one") {
  const AdmissionOptions options = with_tokens("s3cret a\n");
  Rig rig("myapp", options);
  CHECK(ask(rig, "/?new").status == 401);
  CHECK(ask(rig, "/?new", "Authorization: Bearer wrong\r\n").status == 401);
  CHECK(ask(rig, "/?new", "Authorization: Bearer s3cret\r\n").status == 200);
}

TEST_CASE("whose token it was counts, where there are several") {
  const AdmissionOptions options = with_tokens("mine a\nyours b\n");
  Rig rig("myapp", options);
  const std::string mine = upgrade + "Authorization: Bearer mine\r\n";
  const std::string yours = upgrade + "Authorization: Bearer yours\r\n";
  REQUIRE(ask(rig, "/wanted", mine).status == 101);
  rig.names.hold(rig.grant.claim);
  rig.connect();
  CHECK(ask(rig, "/wanted", yours).status == 409);
  CHECK(ask(rig, "/wanted", mine).status == 101);
}
