// Who may make a tunnel.
#include <doctest/doctest.h>
#include <map>

#include "broker/admission/admission.h"
#include "broker/admission/client_address.h"
#include "broker/rules.h"
#include "support/test_certificate.h"
#include "support/test_runtime.h"

using namespace tenfold;
using namespace tenfold::broker;
using handshake::Refusal;
using tenfold::test::TestRuntime;

TEST_CASE("an address makes so many tunnels a minute, and holds so many") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
  for (std::size_t i = 0; i < rules::creates_per_ip; ++i)
    CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::none);
  CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::rate);
  CHECK(admission.admit("203.0.113.2", "").refusal == Refusal::none);
  rt.pass(61s);
  CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::none);
  for (std::size_t i = 0; i < rules::tunnels_per_ip; ++i) admission.on_tunnel_up("203.0.113.1");
  CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::limit);
  admission.on_tunnel_down("203.0.113.1");
  CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::none);
}

TEST_CASE("a tunnel that is resumed passes both limits and is not counted; the token of the operator's list it needs") {
  TestRuntime rt;
  using For = Admission::For;
  Admission admission(rt.runtime, {});
  for (int i = 0; i < 100; ++i) CHECK(admission.admit("203.0.113.1", "", For::resumed).refusal == Refusal::none);
  CHECK(admission.size() == 0);
  CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::none);
  for (std::size_t i = 0; i < rules::tunnels_per_ip; ++i) admission.on_tunnel_up("203.0.113.1");
  CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::limit);
  CHECK(admission.admit("203.0.113.1", "", For::resumed).refusal == Refusal::none);
  CHECK_FALSE(admission.admit("203.0.113.1", "", For::resumed).charged);

  AdmissionOptions options;
  options.tokens = {{"one", "a"}};
  Admission guarded(rt.runtime, options);
  CHECK(guarded.admit("203.0.113.1", "", For::resumed).refusal == Refusal::unauthorized);
  CHECK(guarded.admit("203.0.113.1", "Bearer one", For::resumed).trusted());
}

TEST_CASE("an attempt that is refunded does not count, and is forgotten") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
  for (int i = 0; i < 100; ++i) {
    const Admission::Verdict verdict = admission.admit("203.0.113.1", "");
    CHECK(verdict.refusal == Refusal::none);
    CHECK(verdict.charged);
    admission.refund("203.0.113.1");
    CHECK(admission.size() == 0);
  }
  // Nothing is given back that was not taken.
  admission.refund("203.0.113.1");
  for (std::size_t i = 0; i < rules::creates_per_ip; ++i) admission.admit("203.0.113.1", "");
  CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::rate);
  admission.on_tunnel_up("203.0.113.2");
  admission.refund("203.0.113.2");
  CHECK(admission.size() == 2);
}

TEST_CASE("this machine itself has no limits by address") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
  for (int i = 0; i < 100; ++i) CHECK(admission.admit("127.0.0.1", "").refusal == Refusal::none);
}

TEST_CASE("clients whose address is unknown have the limits of one address") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
  const std::string unknown(unknown_client);
  for (std::size_t i = 0; i < rules::creates_per_ip; ++i) CHECK(admission.admit(unknown, "").refusal == Refusal::none);
  CHECK(admission.admit(unknown, "").refusal == Refusal::rate);
  rt.pass(61s);
  for (std::size_t i = 0; i < rules::tunnels_per_ip; ++i) admission.on_tunnel_up(unknown);
  CHECK(admission.admit(unknown, "").refusal == Refusal::limit);
  CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::none);
}

TEST_CASE("an IPv4 address in IPv6 has the limits of the IPv4 address") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
  for (std::size_t i = 0; i < rules::creates_per_ip; ++i)
    CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::none);
  CHECK(admission.admit("::ffff:203.0.113.1", "").refusal == Refusal::rate);
}

TEST_CASE("a token opens the door and lifts the limits") {
  TestRuntime rt;
  AdmissionOptions options;
  options.tokens = {{"one", "a"}, {"two", "b"}};
  Admission admission(rt.runtime, options);
  CHECK(admission.admit("127.0.0.1", "").refusal == Refusal::unauthorized);
  CHECK(admission.admit("203.0.113.1", "Basic two").refusal == Refusal::unauthorized);
  CHECK(admission.admit("203.0.113.1", "Bearer three").refusal == Refusal::unauthorized);
  for (int i = 0; i < 50; ++i) {
    const Admission::Verdict verdict = admission.admit("203.0.113.1", "bearer two");
    CHECK(verdict.refusal == Refusal::none);
    CHECK(verdict.trusted());
  }
}

TEST_CASE("an IPv6 address stands for its /64, an IPv4 one for itself") {
  CHECK(address_group("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64");
  CHECK(address_group("2001:db8:1:2::1") == address_group("2001:db8:1:2:ffff::"));
  CHECK(address_group("2001:db8:1:2::1") != address_group("2001:db8:1:3::1"));
  CHECK(address_group("203.0.113.9") == "203.0.113.9");
  CHECK(address_group("::ffff:203.0.113.9") == "203.0.113.9");
  CHECK(address_group("no address") == "no address");

  TestRuntime rt;
  Admission admission(rt.runtime, {});
  for (std::size_t i = 0; i < rules::creates_per_ip; ++i) {
    CHECK(admission.admit("2001:db8::" + std::to_string(i), "").refusal == Refusal::none);
  }
  CHECK(admission.admit("2001:db8::99", "").refusal == Refusal::rate);
  CHECK(admission.admit("2001:db8:0:1::1", "").refusal == Refusal::none);
}

TEST_CASE("an address with a token is forgotten with its last tunnel") {
  TestRuntime rt;
  AdmissionOptions options;
  options.tokens = {{"good", "a"}};
  Admission admission(rt.runtime, options);
  for (int i = 0; i < 300; ++i) {
    const std::string ip = "203.0.113." + std::to_string(i);
    admission.on_tunnel_up(ip);
    admission.on_tunnel_up(ip);
    admission.on_tunnel_down(ip);
    CHECK(admission.size() == 1);
    admission.on_tunnel_down(ip);
  }
  CHECK(admission.size() == 0);
}

TEST_CASE("a token file has one token a line, and says which line is none") {
  const test::TemporaryDirectory directory;
  const auto tokens = read_token_file(directory.write("good", "# people\none\r\n\n  \ntwo==  \n"));
  REQUIRE(tokens);
  REQUIRE(tokens->size() == 2);
  CHECK((*tokens)[0].secret == "one");
  CHECK((*tokens)[1].secret == "two==");
  const std::string bad = directory.write("bad", "one\nt w o\n");
  CHECK(read_token_file(bad).error().detail.find(bad + ":2:") == 0);
  const std::string empty = directory.write("empty", "# none\n");
  CHECK(read_token_file(empty).error().detail.find(empty) != std::string::npos);
  CHECK(read_token_file(directory.path() + "/missing").error().kind == ErrorKind::usage);
}

TEST_CASE("a token's name is its own, wherever it stands in the file") {
  const test::TemporaryDirectory directory;
  const auto names = [&](const std::string& text) {
    const auto tokens = read_token_file(directory.write("tokens", text));
    REQUIRE(tokens);
    std::map<std::string, std::string> by_secret;
    for (const Token& token : *tokens) by_secret[token.secret] = token.name;
    return by_secret;
  };
  auto once = names("one\ntwo bob\n");
  auto again = names("# new\nthree\n two  bob \none\n");
  CHECK(once["two"] == "bob");
  CHECK(again["two"] == "bob");
  CHECK(once["one"] == again["one"]);
  CHECK(once["one"].find("one") == std::string::npos);
  CHECK(again["three"] != again["one"]);
  for (const char* bad : {"one ann of kent\n", "one ann\ntwo ann\n", "one\none\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(read_token_file(directory.write("tokens", bad)));
  }
}
