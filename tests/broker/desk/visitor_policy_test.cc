// Who is let in by a tunnel's own rules, and what the others are told.
#include "broker/tunnels/visitor_policy.h"

#include <doctest/doctest.h>

#include "broker/tunnels/registry.h"
#include "public_rig.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;

namespace {

const std::string get = "GET / HTTP/1.1\r\nHost: myapp.example.test\r\n";

std::shared_ptr<const VisitorPolicy> policy_of(const VisitorRules& rules) {
  Result<VisitorPolicy> policy = VisitorPolicy::read(rules);
  REQUIRE(policy);
  return std::make_shared<const VisitorPolicy>(*std::move(policy));
}

void guard(Rig& rig, const VisitorRules& rules) {
  const Result<Claim> claim = rig.names.claim({"myapp", rig.agent});
  REQUIRE(claim);
  rig.tunnel = std::make_shared<TestTunnel>(rig.rt, "myapp");
  rig.names.attach(*claim, rig.tunnel, policy_of(rules));
}

std::string ask(Rig& rig, const std::string& fields = {}) {
  rig.browser->take();
  rig.browser_says(get + fields + "\r\n");
  return rig.browser->take();
}

// "ann:open sesame" and "ann:wrong".
const std::string right = "Authorization: Basic YW5uOm9wZW4gc2VzYW1l\r\n";
const std::string wrong = "Authorization: Basic YW5uOndyb25n\r\n";
const VisitorRules ann{{}, {}, {{"ann", "salt", "open sesame"}}};

}  // namespace

TEST_CASE("networks let visitors in, and keep them out") {
  const auto in = [](const VisitorRules& rules, std::string_view ip) { return policy_of(rules)->lets_in(ip); };
  CHECK(in({}, "203.0.113.9"));
  CHECK(in({}, "unknown"));
  CHECK(in({{"203.0.113.0/24"}, {}, {}}, "203.0.113.9"));
  CHECK_FALSE(in({{"203.0.113.0/24"}, {}, {}}, "198.51.100.1"));
  CHECK_FALSE(in({{"203.0.113.0/24"}, {}, {}}, "unknown"));
  CHECK_FALSE(in({{}, {"203.0.113.9"}, {}}, "203.0.113.9"));
  CHECK(in({{}, {"203.0.113.9"}, {}}, "203.0.113.10"));
  CHECK_FALSE(in({{}, {"203.0.113.9"}, {}}, "unknown"));
  // What is denied stays out, whatever lets it in.
  CHECK_FALSE(in({{"203.0.113.0/24"}, {"203.0.113.9"}, {}}, "203.0.113.9"));
  CHECK(in({{"2001:db8::/32"}, {}, {}}, "2001:db8::7"));
  CHECK(in({{"203.0.113.0/24"}, {}, {}}, "::ffff:203.0.113.9"));
}

TEST_CASE("rules that cannot be read are none") {
  CHECK_FALSE(VisitorPolicy::read({{"example.test"}, {}, {}}));
  CHECK_FALSE(VisitorPolicy::read({{}, {"10.0.0.0/33"}, {}}));
  CHECK_FALSE(VisitorPolicy::read({{}, {}, {{"a:b", "salt", "hash"}}}));
  CHECK_FALSE(VisitorPolicy::read({{}, {}, {{"", "salt", "hash"}}}));
  CHECK_FALSE(VisitorPolicy::read({{}, {}, {{"ann", "", "hash"}}}));
  CHECK_FALSE(VisitorPolicy::read({{}, {}, {{"ann", "salt", ""}}}));
  CHECK(VisitorPolicy::read({{"example.test"}, {}, {}}).error().detail.find("example.test") != std::string::npos);
}

TEST_CASE("credentials are read as RFC 7617 has them") {
  const auto read = [](std::string_view value) { return basic_credentials({{"Authorization", value}}); };
  REQUIRE(read("Basic YW5uOm9wZW4gc2VzYW1l"));
  CHECK(read("basic   YW5uOm9wZW4gc2VzYW1l")->user == "ann");
  CHECK(read("Basic YW5uOm9wZW4gc2VzYW1l")->password == "open sesame");
  CHECK(read("Basic YTpiOmM=")->password == "b:c");
  CHECK(read("Basic YTo=")->password.empty());
  for (const char* bad :
       {"", "Basic", "Basic ", "Basic YW5u", "Basic ????", "Bearer YW5uOm9wZW4gc2VzYW1l", "Basic YTo"}) {
    CAPTURE(bad);
    CHECK_FALSE(read(bad));
  }
  CHECK_FALSE(basic_credentials({}));
}

TEST_CASE("a visitor from an address that is not let in gets 403, and the app nothing") {
  Rig rig;
  guard(rig, {{"198.51.100.0/24"}, {}, {}});
  const std::string heard = ask(rig);
  CHECK(heard.starts_with("HTTP/1.1 403 "));
  CHECK(heard.find("This tunnel is not open to this address.") != std::string::npos);
  CHECK(rig.tunnel->opened == 0);
  rig.connect("198.51.100.7");
  rig.browser_says(get + "\r\n");
  CHECK(rig.tunnel->opened == 1);
}

TEST_CASE("a visitor by a unix socket comes from this machine") {
  Rig rig;
  guard(rig, {{"127.0.0.1"}, {"203.0.113.0/24"}, {}});
  rig.connect(unix_peer);
  rig.browser_says(get + "\r\n");
  CHECK(rig.tunnel->opened == 1);
}

TEST_CASE("behind a listed proxy the visitor's address counts, and not the proxy's") {
  Rig rig;
  REQUIRE_FALSE(rig.proxies.add("203.0.113.9"));
  guard(rig, {{"198.51.100.0/24"}, {}, {}});
  rig.connect();
  CHECK(ask(rig, "X-Forwarded-For: 192.0.2.1\r\n").starts_with("HTTP/1.1 403 "));
  rig.browser_says(get + "X-Forwarded-For: 198.51.100.7\r\n\r\n");
  CHECK(rig.tunnel->opened == 1);
}

TEST_CASE("a tunnel that wants a login asks for it, and its password does not reach the app") {
  Rig rig;
  guard(rig, ann);
  const std::string heard = ask(rig);
  CHECK(heard.starts_with("HTTP/1.1 401 "));
  CHECK(heard.find("WWW-Authenticate: Basic realm=") != std::string::npos);
  CHECK(ask(rig, wrong).starts_with("HTTP/1.1 401 "));
  CHECK(ask(rig, "Authorization: Bearer x\r\n").starts_with("HTTP/1.1 401 "));
  CHECK(rig.tunnel->opened == 0);

  rig.browser_says(get + right + "Cookie: a=b\r\n\r\n");
  REQUIRE(rig.tunnel->opened == 1);
  CHECK(rig.app().heard.find("Cookie: a=b") != std::string::npos);
  CHECK(rig.app().heard.find("Authorization") == std::string::npos);
}

TEST_CASE("a name that there is not is answered as a wrong password is") {
  Rig rig;
  guard(rig, {{}, {}, {{"bob", "salt", "open sesame"}}});
  CHECK(ask(rig, right).starts_with("HTTP/1.1 401 "));
  CHECK(rig.passwords.asked == 1);
}

TEST_CASE("while a password is checked the body waits, and a visitor who leaves is forgotten") {
  Rig rig;
  guard(rig, ann);
  rig.passwords.later = true;
  rig.browser_says("POST / HTTP/1.1\r\nHost: myapp.example.test\r\nContent-Length: 5\r\n" + right + "\r\nhello");
  CHECK(rig.tunnel->opened == 0);
  SUBCASE("it is right") {
    rig.passwords.answer();
    rig.pump();
    REQUIRE(rig.tunnel->opened == 1);
    CHECK(rig.app().heard.ends_with("\r\n\r\nhello"));
  }
  SUBCASE("he leaves") {
    rig.browser->pipe->reset(ErrorKind::cancelled);
    rig.pump();
    CHECK(rig.visitor_closed);
    rig.passwords.answer();
    CHECK(rig.tunnel->opened == 0);
  }
}

TEST_CASE("rules are shared as bytes, whose version is the same for who wrote them and for who reads them") {
  const VisitorRules rules{{"203.0.113.0/24"}, {"203.0.113.9"}, {{"ann", "salt", "hash"}}};
  const auto written = policy_of(rules);
  const Result<VisitorPolicy> read = VisitorPolicy::read_bytes(written->rules_bytes());
  REQUIRE(read);
  CHECK(read->rules_bytes() == written->rules_bytes());
  CHECK(read->version() == written->version());
  CHECK(read->version() == policy_version_of(written->rules_bytes()));
  CHECK(read->lets_in("203.0.113.10"));
  CHECK_FALSE(read->lets_in("203.0.113.9"));
  CHECK(read->login_of("ann") != nullptr);
  CHECK(policy_of(ann)->version() != written->version());
  CHECK_FALSE(VisitorPolicy::read_bytes("\xff\xff\xff"));
}

TEST_CASE("no rules have the version 0") {
  CHECK(policy_of({})->version() == 0);
  CHECK(policy_of({})->rules_bytes().empty());
  CHECK(policy_version(nullptr) == 0);
  CHECK(policy_version_of("") == 0);
}
