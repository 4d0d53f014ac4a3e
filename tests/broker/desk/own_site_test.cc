// The broker's own domain: new tunnels, status, refusals.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "broker/admission/client_address.h"
#include "broker/rules.h"
#include "desk/asking.h"
#include "mux/registration.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;
using nlohmann::json;

namespace {

std::string resume(const std::string& token) {
  static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : token) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) text += letters[bits >> (held - 6) & 63];
  }
  if (held != 0) text += letters[bits << (6 - held) & 63];
  return "Tenfold-Resume: " + text + "\r\n";
}

// How many tunnels one more address may still make in this minute: asks until it is told 429.
int tunnels_left(Rig& rig, const std::string& ip) {
  for (int made = 0;; ++made) {
    const Got got = ask_from(rig, ip, "/?new");
    if (got.status == 429) return made;
    REQUIRE(got.status == 200);
  }
}

}  // namespace

TEST_CASE("a new classic tunnel's JSON is the reference's") {
  Rig rig;
  const json got = ask(rig, "/?new").value();
  CHECK(got["port"] == 4242);
  CHECK(got["max_conn_count"] == 10);
  CHECK(got["url"] == "https://" + got["id"].get<std::string>() + ".example.test");
  CHECK(ask(rig, "/wanted").value()["id"] == "wanted");
}

TEST_CASE("a taken name silently becomes another") {
  Rig rig;
  const json got = ask(rig, "/myapp").value();
  CHECK(got["id"] != "myapp");
  CHECK(got["id"].get<std::string>().size() >= 4);
}

TEST_CASE("a bad name is refused with a sentence that says why") {
  Rig rig;
  for (const std::string& name :
       std::vector<std::string>{"control", "-abcdef", "Abcd", "a_bcd", "abc-", "caf%C3%A9", std::string(64, 'a')}) {
    CAPTURE(name);
    const Got got = ask(rig, "/" + name);
    CHECK(got.status == 403);
    CHECK(got.value()["message"] ==
          "Invalid subdomain: a name has 1 to 63 of a-z, 0-9 and -, with no - first or last, and is not control.");
  }
  for (const std::string& name : std::vector<std::string>{std::string(63, 'a'), "a", "abc", "a-b"}) {
    CHECK(ask(rig, "/" + name).value()["id"] == name);
  }
  const Got link = ask(rig, "/control", upgrade);
  CHECK(link.status == 403);
  CHECK(link.value()["code"] == "bad-name");
}

TEST_CASE("the URL is built from the public URL, else from the request") {
  Rig named("myapp", {}, {"https://tunnel.test:8443", "", true, ""});
  CHECK(ask(named, "/wanted").value()["url"] == "https://wanted.tunnel.test:8443");
  Rig rig;
  CHECK(ask(rig, "/wanted", "", "example.test:7080").value()["url"] == "https://wanted.example.test:7080");
  CHECK(ask(rig, "/other1", "", "127.0.0.1:7080").value()["url"] == "https://other1.example.test:7080");
}

TEST_CASE("the landing page is a redirect when there is one") {
  Rig rig("myapp", {}, {"", "https://landing.test/", true, ""});
  const Got got = ask(rig, "/");
  CHECK(got.status == 302);
  CHECK(got.head.find("Location: https://landing.test/\r\n") != std::string::npos);
  Rig plain;
  CHECK(ask(plain, "/").status == 200);
}

TEST_CASE("status tells of tunnels, and of one") {
  Rig rig;
  CHECK(ask(rig, "/api/status").value()["tunnels"] == 1);
  CHECK(ask(rig, "/api/status").value()["mem"]["rss"] > 0);
  CHECK(ask(rig, "/api/tunnels/myapp/status").value()["connected_sockets"] == 0);
  CHECK(ask(rig, "/api/tunnels/nobody/status").status == 404);
  CHECK(ask(rig, "/a/b").status == 404);
}

TEST_CASE("a host that is nobody's is 404 with a sentence, the names of objects included") {
  Rig rig;
  for (const std::string& host : std::vector<std::string>{"constructor.example.test", "__proto__.example.test",
                                                          "a.b.example.test", "other.test"}) {
    CAPTURE(host);
    const Got got = ask(rig, "/", "", host);
    CHECK(got.status == 404);
    CHECK(got.body == (host == "other.test" || host == "a.b.example.test"
                           ? "404 This broker answers to example.test, not to " + host + ".\n"
                           : "404 There is no tunnel at this address.\n"));
  }
}

TEST_CASE("an upgrade makes the connection a link, early bytes kept") {
  for (const std::size_t chop : {1, 10, 100000}) {
    CAPTURE(chop);
    Rig rig;
    rig.browser_says("GET /wanted HTTP/1.1\r\nHost: example.test\r\n" + upgrade + "\r\nearly", chop);
    REQUIRE(rig.link != nullptr);
    CHECK(rig.grant.claim.name == "wanted");
    CHECK(rig.grant.url == "https://wanted.example.test");
    CHECK(rig.grant.who.owner == "address:203.0.113.9");
    CHECK(std::string("early").starts_with(rig.link_early));
    rig.pump();
    CHECK(rig.browser->heard ==
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n\r\n");
    CHECK(rig.visitor_closed);
  }
}

TEST_CASE("an upgrade behind other requests keeps its early bytes, too") {
  Rig rig;
  rig.browser_says(
      "GET /first HTTP/1.1\r\nHost: myapp.example.test\r\n\r\nGET /?new HTTP/1.1\r\nHost: example.test\r\n" + upgrade +
      "\r\n" + std::string(40000, 'e'));
  rig.app_says("HTTP/1.1 204 No Content\r\n\r\n");
  REQUIRE(rig.link != nullptr);
  CHECK(rig.link_early == std::string(40000, 'e'));
}

TEST_CASE("a taken name is refused to an upgrade, and given to its resume token") {
  Rig rig;
  const Got got = ask(rig, "/myapp", upgrade);
  CHECK(got.status == 409);
  CHECK(got.value()["code"] == "name-taken");
  ask(rig, "/wanted", upgrade);
}

TEST_CASE("an agent that was restarted gets its name at once, and a stranger does not") {
  Rig rig;
  const auto ask_for = [&](const std::string& ip, const std::string& fields) {
    rig.connect(ip);
    return ask(rig, "/wanted", fields).status;
  };
  REQUIRE(ask_for("203.0.113.9", upgrade) == 101);
  const auto tunnel = std::make_shared<TestTunnel>(rig.rt, "wanted");
  SUBCASE("its link is gone") { rig.names.hold(rig.grant.claim); }
  SUBCASE("its sockets are gone") { rig.names.attach(rig.grant.claim, tunnel); }
  CHECK(ask_for("203.0.113.10", upgrade) == 409);
  CHECK(ask_for("203.0.113.9", upgrade) == 101);
  CHECK(rig.grant.claim.name == "wanted");
  rig.names.hold(rig.grant.claim);
  rig.connect("203.0.113.10");
  CHECK(ask(rig, "/wanted").value()["id"] != "wanted");
  rig.connect("203.0.113.9");
  CHECK(ask(rig, "/wanted").value()["id"] == "wanted");
}

TEST_CASE("behind a listed proxy an agent that cannot be told from others does not get a dropped name") {
  Rig rig;
  REQUIRE_FALSE(rig.proxies.add("127.0.0.1"));
  const auto ask_for = [&](const std::string& forwarded_for, const std::string& fields) {
    rig.connect("127.0.0.1");
    return ask(rig, "/wanted", forwarded_for + fields);
  };
  std::string first;
  SUBCASE("no address") {}
  SUBCASE("a hidden one") { first = "X-Forwarded-For: 7.7.7.7, unknown\r\n"; }
  REQUIRE(ask_for(first, upgrade).status == 101);
  CHECK(rig.grant.who.owner.empty());
  CHECK(rig.grant.client_ip == unknown_client);
  rig.names.hold(rig.grant.claim);
  CHECK(ask_for("", upgrade).status == 409);
  CHECK(ask_for("X-Forwarded-For: unknown\r\n", upgrade).status == 409);
  CHECK(ask_for(first, upgrade).status == 409);
  CHECK(ask_for(first, "").value()["id"] != "wanted");
}

TEST_CASE("behind a listed proxy an agent is known by its address, whatever its port") {
  Rig rig;
  REQUIRE_FALSE(rig.proxies.add("127.0.0.1"));
  const auto ask_for = [&](const std::string& forwarded_for) {
    rig.connect("127.0.0.1");
    return ask(rig, "/wanted", "X-Forwarded-For: " + forwarded_for + "\r\n" + upgrade).status;
  };
  REQUIRE(ask_for("7.7.7.7:40001") == 101);
  CHECK(rig.grant.client_ip == "7.7.7.7");
  rig.names.hold(rig.grant.claim);
  CHECK(ask_for("7.7.7.8:40001") == 409);
  CHECK(ask_for("7.7.7.7:40002") == 101);
  rig.names.hold(rig.grant.claim);
  CHECK(ask_for("::ffff:7.7.7.7") == 101);
}

TEST_CASE("behind a listed proxy those who cannot be told apart share the limits of one address") {
  for (const char* first :
       {"", "X-Forwarded-For: unknown\r\n", "X-Forwarded-For:\r\n", "X-Forwarded-For: 7.7.7.7, \"7.7.7.7\"\r\n"}) {
    CAPTURE(first);
    AdmissionOptions options;
    options.creates_per_ip = 3;
    Rig rig("myapp", options);
    REQUIRE_FALSE(rig.proxies.add("127.0.0.1"));
    rig.connect("127.0.0.1");
    for (int i = 0; i < 3; ++i) CHECK(ask(rig, "/?new", first).status == 200);
    CHECK(ask(rig, "/?new", "X-Forwarded-For: _hidden\r\n").status == 429);
    CHECK(ask(rig, "/?new", "X-Forwarded-For: 7.7.7.7\r\n").status == 200);
    CHECK(ask(rig, "/?new", first).status == 429);
  }
}

TEST_CASE("a listed proxy's scheme is in the URL only when it is http or https") {
  Rig rig;
  REQUIRE_FALSE(rig.proxies.add("203.0.113.9"));
  const auto url = [&](const std::string& name, const std::string& proto) {
    const std::string client = "X-Forwarded-For: 7.7.7.7\r\n";
    return ask(rig, "/" + name, client + "X-Forwarded-Proto: " + proto + "\r\n").value()["url"].get<std::string>();
  };
  CHECK(url("one-name", "http") == "http://one-name.example.test");
  CHECK(url("two-name", "HTTP") == "http://two-name.example.test");
  CHECK(url("three-name", "https, http") == "http://three-name.example.test");
  CHECK(url("four-name", "javascript") == "https://four-name.example.test");
  CHECK(url("five-name", "http, x") == "https://five-name.example.test");
}

TEST_CASE("a draining broker, and one without the classic pool, say so") {
  Rig rig("myapp", {}, {"", "", false, ""});
  const Got off = ask(rig, "/?new");
  CHECK(off.status == 426);
  CHECK(off.head.find("Upgrade: tenfold/1\r\n") != std::string::npos);
  rig.own_site.drain();
  const Got draining = ask(rig, "/?new");
  CHECK(draining.status == 503);
  CHECK(draining.head.find("Retry-After: ") != std::string::npos);
}

TEST_CASE("an agent that comes among many others hears to come again in a second, and is charged nothing") {
  Rig rig;
  Got got;
  for (std::uint32_t i = 0; i <= rules::handshakes_burst; ++i)
    got = ask_from(rig, "203.0.113.1", "/?new", upgrade + "Tenfold-Register: !\r\n");
  CHECK(got.status == 503);
  CHECK(got.value()["code"] == "busy");
  CHECK(got.head.find("Retry-After: 1\r\n") != std::string::npos);
  rig.rt.pass(1s);
  CHECK(ask_from(rig, "203.0.113.1", "/?new", upgrade + "Tenfold-Register: !\r\n").value()["code"] == "bad-request");
}

TEST_CASE("a broker without a port for one more classic tunnel says that, and the name stays free") {
  Rig rig;
  rig.classic.full = true;
  const Got got = ask(rig, "/wanted");
  CHECK(got.status == 503);
  CHECK(got.value()["message"] == "This server has no port left for another classic tunnel.");
  CHECK(got.value()["code"] == "no-port");
  CHECK(got.head.find("Retry-After: ") != std::string::npos);
  CHECK(rig.names.find("wanted").state == NameTable::State::unknown);
}

TEST_CASE("only GET makes a tunnel") {
  Rig rig;
  rig.browser_says("POST /?new HTTP/1.1\r\nHost: example.test\r\nContent-Length: 0\r\n\r\n");
  CHECK(rig.browser->take().starts_with("HTTP/1.1 405 "));
  CHECK(rig.classic.claims.empty());
}

TEST_CASE("the offer without an Upgrade is 426 upgrade-lost, before anything else is looked at") {
  Rig plain;
  Rig guarded("myapp", with_tokens("s3cret a\n"));
  Rig mux_only("myapp", {}, {"", "", false, ""});
  Rig draining;
  draining.own_site.drain();
  for (Rig* rig : {&plain, &guarded, &mux_only, &draining}) {
    for (const char* path : {"/?new", "/?new=1", "/wanted", "/myapp", "/No_Name"}) {
      for (const std::string& fields : {offer, std::string("tenfold-offer: tenfold/2, TENFOLD/1\r\n"),
                                        offer + "Upgrade: tenfold/1\r\n", offer + "Connection: close\r\n"}) {
        CAPTURE(path);
        CAPTURE(fields);
        const Got got = ask_from(*rig, "203.0.113.9", path, fields);
        CHECK(got.status == 426);
        CHECK(got.value()["code"] == "upgrade-lost");
        CHECK(got.value()["message"].get<std::string>().find("proxy") != std::string::npos);
        CHECK(got.head.find("Upgrade: tenfold/1\r\n") != std::string::npos);
        CHECK(got.head.find("Connection: Upgrade\r\n") != std::string::npos);
      }
    }
    CHECK(rig->classic.claims.empty());
    CHECK(rig->link == nullptr);
    CHECK(rig->names.find("wanted").state == NameTable::State::unknown);
  }
  // So many are not charged: the minute's tunnels are all there.
  CHECK(tunnels_left(plain, "203.0.113.9") == static_cast<int>(rules::creates_per_ip));
}

TEST_CASE("a proxy that speaks HTTP/1.0 to the broker is found out, too") {
  Rig rig;
  rig.browser_says("GET /?new HTTP/1.0\r\nHost: example.test\r\n" + offer + upgrade + "\r\n");
  CHECK(rig.browser->take().starts_with("HTTP/1.1 426 "));
}

TEST_CASE("an offer of something else, and none, are a classic client's") {
  Rig rig;
  CHECK(ask(rig, "/?new", "Tenfold-Offer: tenfold/2\r\n").status == 200);
  CHECK(ask(rig, "/?new").status == 200);
}

TEST_CASE("the offer with an Upgrade is a link") {
  Rig rig;
  rig.browser_says("GET /wanted HTTP/1.1\r\nHost: example.test\r\n" + offer + upgrade + "\r\n");
  CHECK(rig.link != nullptr);
}

TEST_CASE("no answer to a request for a tunnel may be kept by a cache") {
  Rig rig;
  Rig mux_only("myapp", {}, {"", "https://landing.test/", false, ""});
  const auto check = [](const Got& got, int status) {
    CHECK(got.status == status);
    const std::size_t at = got.head.find("Cache-Control: no-store\r\n");
    CHECK(at != std::string::npos);
    CHECK(got.head.find("Cache-Control", at + 1) == std::string::npos);
  };
  check(ask(rig, "/?new"), 200);
  check(ask(rig, "/wanted"), 200);
  check(ask(rig, "/No_Name"), 403);
  check(ask(rig, "/myapp", upgrade), 409);
  check(ask(rig, "/?new", offer), 426);
  check(ask(mux_only, "/?new"), 426);
  mux_only.own_site.drain();
  check(ask(mux_only, "/wanted"), 503);
  for (int i = 0; i < 10; ++i) ask(rig, "/?new");
  check(ask(rig, "/?new"), 429);
  rig.browser->take();
  rig.browser_says("HEAD /wanted HTTP/1.1\r\nHost: example.test\r\n\r\n");
  CHECK(rig.browser->take().find("Cache-Control: no-store\r\n") != std::string::npos);
}

TEST_CASE("a link that comes back with its resume token passes the limits of rate and number") {
  Rig rig;
  REQUIRE(ask_from(rig, "203.0.113.9", "/wanted", upgrade).status == 101);
  const std::string token = rig.resume_token();
  const std::string stranger(token.size(), 'x');
  SUBCASE("at the limit of the rate") {
    tunnels_left(rig, "203.0.113.9");
    CHECK(ask_from(rig, "203.0.113.9", "/?new", upgrade).value()["code"] == "rate");
  }
  SUBCASE("at the limit of the number, its own old link included") {
    for (std::size_t i = 0; i < rules::tunnels_per_ip; ++i) rig.admission.on_tunnel_up("203.0.113.9");
    CHECK(ask_from(rig, "203.0.113.9", "/?new", upgrade).value()["code"] == "limit");
  }
  for (int i = 0; i < 20; ++i) {
    CHECK(ask_from(rig, "203.0.113.9", "/wanted", upgrade + resume(token)).status == 101);
    CHECK(rig.grant.who.owner == "address:203.0.113.9");
  }
  // A token that is not the name's, and the name's token for another name, pass nothing.
  CHECK(ask_from(rig, "203.0.113.9", "/wanted", upgrade + resume(stranger)).status == 429);
  CHECK(ask_from(rig, "203.0.113.9", "/another", upgrade + resume(token)).status == 429);
  CHECK(ask_from(rig, "203.0.113.9", "/?new", upgrade + resume(token)).status == 429);
  // A classic request has none to show.
  CHECK(ask_from(rig, "203.0.113.9", "/wanted", resume(token)).status == 429);
}

TEST_CASE("a resume token is not charged, and a wrong one is") {
  Rig rig;
  REQUIRE(ask_from(rig, "203.0.113.9", "/wanted", upgrade).status == 101);
  const std::string token = rig.resume_token();
  const int left = static_cast<int>(rules::creates_per_ip) - 1;
  SUBCASE("valid") {
    for (int i = 0; i < 20; ++i) ask_from(rig, "203.0.113.9", "/wanted", upgrade + resume(token));
    CHECK(tunnels_left(rig, "203.0.113.9") == left);
  }
  SUBCASE("unknown") {
    CHECK(ask_from(rig, "203.0.113.9", "/fresh1", upgrade + resume(std::string(token.size(), 'x'))).status == 101);
    CHECK(tunnels_left(rig, "203.0.113.9") == left - 1);
  }
}

TEST_CASE("a resume token lifts no other condition") {
  const AdmissionOptions options = with_tokens("s3cret a\n");
  Rig rig("myapp", options);
  const std::string bearer = "Authorization: Bearer s3cret\r\n";
  REQUIRE(ask(rig, "/wanted", upgrade + bearer).status == 101);
  const std::string back = upgrade + resume(rig.resume_token());
  rig.connect();
  CHECK(ask(rig, "/wanted", back).status == 401);
  CHECK(ask(rig, "/wanted", back + bearer).status == 101);
  rig.own_site.drain();
  rig.connect();
  CHECK(ask(rig, "/wanted", back + bearer).status == 503);
}

TEST_CASE("what is refused for another reason than a limit is not charged") {
  Rig rig;
  const auto refused = [&](const std::string& path, const std::string& fields, int status) {
    for (int i = 0; i < 30; ++i) REQUIRE(ask_from(rig, "203.0.113.9", path, fields).status == status);
  };
  SUBCASE("a taken name") { refused("/myapp", upgrade, 409); }
  SUBCASE("a taken name, with a token that is not its own") {
    refused("/myapp", upgrade + resume("0123456789abcdef"), 409);
  }
  SUBCASE("a bad name") { refused("/No_Name", "", 403); }
  SUBCASE("a bad name for a link") { refused("/No_Name", upgrade, 403); }
  SUBCASE("an Upgrade with a body") { refused("/wanted", upgrade + "Content-Length: 1\r\n", 400); }
  SUBCASE("no port") {
    rig.classic.full = true;
    refused("/?new", "", 503);
    rig.classic.full = false;
  }
  CHECK(tunnels_left(rig, "203.0.113.9") == static_cast<int>(rules::creates_per_ip));
  CHECK(tunnels_left(rig, "203.0.113.9") == 0);
}

TEST_CASE("an address that made nothing is not remembered") {
  Rig rig;
  for (int i = 0; i < 100; ++i) {
    const std::string ip = "198.51.100." + std::to_string(i);
    ask_from(rig, ip, "/myapp", upgrade);
    ask_from(rig, ip, "/?new", offer);
    ask_from(rig, ip, "/wanted", upgrade + "Content-Length: 1\r\n");
  }
  CHECK(rig.admission.size() == 0);
}

TEST_CASE("an Upgrade with a body is refused, and its owner's living tunnel stands") {
  Rig rig;
  REQUIRE(ask_from(rig, "203.0.113.9", "/wanted", upgrade).status == 101);
  const std::string token = rig.resume_token();
  const auto living = std::make_shared<TestTunnel>(rig.rt, "wanted");
  rig.names.attach(rig.grant.claim, living);
  for (const char* framing : {"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"}) {
    CAPTURE(framing);
    const Got got = ask_from(rig, "203.0.113.9", "/wanted", upgrade + resume(token) + framing);
    CHECK(got.status == 400);
    CHECK(got.value()["code"] == "bad-request");
    CHECK(rig.names.find("wanted").tunnel == living);
    CHECK(living->handed_to == nullptr);
  }
  CHECK(ask_from(rig, "203.0.113.9", "/wanted", upgrade + resume(token) + "Content-Length: 0\r\n").status == 101);
}

TEST_CASE("a classic tunnel without a port leaves a name that waits for its owner as it was") {
  Rig rig;
  REQUIRE(ask_from(rig, "203.0.113.9", "/wanted", upgrade).status == 101);
  const std::string token = rig.resume_token();
  rig.names.hold(rig.grant.claim);
  rig.classic.full = true;
  CHECK(ask_from(rig, "203.0.113.9", "/wanted").status == 503);
  CHECK(rig.names.find("wanted").state == NameTable::State::away);
  // From another address, where only the token counts.
  CHECK(ask_from(rig, "198.51.100.1", "/wanted", upgrade).status == 409);
  CHECK(ask_from(rig, "198.51.100.1", "/wanted", upgrade + resume(token)).status == 101);
}

TEST_CASE("browsers, pages of other sites and words that monitors ask for make no tunnel") {
  Rig rig;
  const std::vector<std::string> browsing = {
      "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n", "Accept: Text/HTML\r\n", "Sec-Fetch-Mode: navigate\r\n",
      "Sec-Fetch-Mode: no-cors\r\nAccept: image/*\r\n", "Sec-Fetch-Site: cross-site\r\nAccept: */*\r\n"};
  for (const std::string& fields : browsing) {
    for (const char* path : {"/?new", "/wanted"}) {
      CAPTURE(fields);
      const Got got = ask(rig, path, fields);
      CHECK(got.status == 404);
      CHECK(got.body.find("no such page") != std::string::npos);
    }
  }
  for (const char* word :
       {"/healthz", "/readyz", "/metrics", "/login", "/admin", "/status", "/favicon.ico", "/robots.txt", "/status?x"}) {
    CAPTURE(word);
    CHECK(ask(rig, word).status == 404);
  }
  CHECK(rig.classic.claims.empty());
  CHECK(rig.names.size() == 1);
  // curl, lt and fetch() of a page that is the broker's own.
  for (const char* fields : {"", "Accept: */*\r\n", "Accept: application/json, text/plain, */*\r\n",
                             "Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-origin\r\n"}) {
    CAPTURE(fields);
    CHECK(ask(rig, "/?new", fields).status == 200);
  }
}

TEST_CASE("asked for a tunnel under a host that is not its own, the broker says which it answers to") {
  Rig rig;
  for (const std::string& fields : {upgrade + offer, offer, std::string{}}) {
    const Got got = ask(rig, "/?new", fields, "localhost:7080");
    CHECK(got.status == 404);
    CHECK(got.value()["code"] == "bad-host");
    CHECK(got.value()["message"] == "This broker answers to example.test, not to localhost.");
  }
  CHECK(ask(rig, "/wanted", upgrade + offer, "other.test").value()["code"] == "bad-host");
  CHECK(rig.link == nullptr);
}

TEST_CASE("a tunnel whose agent is there has one socket at least in its status") {
  struct Idle final : Tunnel {
    explicit Idle(Rig& rig) : Tunnel(rig.rt.runtime, "myapp") {}
    void open(Opening&) override {}
    std::size_t connected() const override { return 0; }
    bool has_agent() const override { return agent; }
    const char* kind() const override { return "mux"; }
    void take_back(std::unique_ptr<Duplex>, Duration) override {}
    void on_pipe_gone() override {}
    bool someone_waits() const override { return false; }
    void on_app_stuck() override {}
    bool agent = true;
  };
  Rig rig;
  const Result<Claim> claim = rig.names.claim({"idle"});
  REQUIRE(claim);
  const auto idle = std::make_shared<Idle>(rig);
  rig.names.attach(*claim, idle);
  CHECK(ask(rig, "/api/tunnels/idle/status").value()["connected_sockets"] == 1);
  idle->agent = false;
  CHECK(ask(rig, "/api/tunnels/idle/status").value()["connected_sockets"] == 0);
  rig.names.release(*claim);
}

TEST_CASE("while the broker warms up an unknown name is 503, and another host is not") {
  Rig rig;
  rig.side.warm_at = rig.rt.timers.now() + 15s;
  const Got got = ask(rig, "/", "", "unknown.example.test");
  CHECK(got.status == 503);
  CHECK(got.head.find("Retry-After: ") != std::string::npos);
  CHECK(ask(rig, "/", "", "other.test").status == 404);
  rig.rt.pass(15s);
  rig.connect();
  CHECK(ask(rig, "/", "", "unknown.example.test").status == 404);
}

TEST_CASE("the handshake carries a whole Register, whose words count over the path's") {
  const auto asking = [](const Registration& registration) {
    return upgrade + "Tenfold-Register: " + encode_base64url(serialize_registration(registration)) + "\r\n";
  };
  SUBCASE("with a policy, a name and a token") {
    Rig rig;
    ask(rig, "/?new", asking({"guarded", "http", {}, "0123456789abcdef", {{"10.0.0.0/8"}, {}, {}}}));
    REQUIRE(rig.link != nullptr);
    CHECK(rig.grant.claim.name == "guarded");
    CHECK(rig.grant.who.instance == "0123456789abcdef");
    REQUIRE(rig.grant.policy != nullptr);
    CHECK_FALSE(rig.grant.policy->lets_in("192.0.2.1"));
  }
  SUBCASE("with nothing but its kind") {
    Rig rig;
    ask(rig, "/wanted", asking({{}, "http", {}, {}, {}}));
    REQUIRE(rig.link != nullptr);
    CHECK(rig.grant.claim.name == "wanted");
    CHECK(rig.grant.policy == nullptr);
  }
  SUBCASE("which is refused by what is wrong with it, and takes no name") {
    struct Case {
      std::string fields;
      const char* code;
      const char* says;
    };
    for (const Case& bad :
         {Case{asking({{}, "carrier-pigeon", {}, {}, {}}), "bad-request", "carrier-pigeon"},
          Case{asking({{}, "http", {}, {}, {{"nowhere"}, {}, {}}}), "bad-request", "nowhere"},
          Case{asking({"No_Name", "http", {}, {}, {}}), "bad-name", "Invalid"},
          Case{upgrade + "Tenfold-Register: ???\r\n", "bad-request", "base64url"},
          Case{upgrade + "Tenfold-Register: _____w\r\n", "bad-request", "Register"},
          Case{upgrade + "Tenfold-Register: " + std::string(6145, 'A') + "\r\n", "bad-request", "6 KiB"}}) {
      CAPTURE(bad.says);
      Rig rig;
      const json got = ask(rig, "/wanted", bad.fields).value();
      CHECK(got["code"] == bad.code);
      CHECK(got["message"].get<std::string>().find(bad.says) != std::string::npos);
      CHECK(rig.link == nullptr);
      CHECK(rig.names.find("wanted").state == NameTable::State::unknown);
    }
  }
}

TEST_CASE("who asks for a link and says FIN behind it gets none, and takes no name") {
  Rig rig;
  rig.browser->say("GET /wanted HTTP/1.1\r\nHost: example.test\r\n" + upgrade + "\r\n");
  rig.browser->pipe->end();
  rig.pump();
  CHECK(rig.link == nullptr);
  CHECK(rig.names.find("wanted").state == NameTable::State::unknown);
  CHECK(rig.browser->cut);
}
