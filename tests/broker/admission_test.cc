// Who may make a tunnel.
#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>

#include "broker/admission.h"
#include "support/test_runtime.h"

using namespace tenfold;
using namespace tenfold::broker;
using handshake::Refusal;
using tenfold::test::TestRuntime;

TEST_CASE("an address makes so many tunnels a minute, and holds so many") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
  for (std::size_t i = 0; i < limits::creates_per_ip; ++i)
    CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::none);
  CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::rate);
  CHECK(admission.admit("203.0.113.2", "").refusal == Refusal::none);
  rt.pass(61s);
  CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::none);
  for (std::size_t i = 0; i < limits::tunnels_per_ip; ++i) admission.on_tunnel_up("203.0.113.1");
  CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::limit);
  admission.on_tunnel_down("203.0.113.1");
  CHECK(admission.admit("203.0.113.1", "").refusal == Refusal::none);
}

TEST_CASE("this machine itself has no limits by address") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
  for (int i = 0; i < 100; ++i) CHECK(admission.admit("127.0.0.1", "").refusal == Refusal::none);
}

TEST_CASE("a token opens the door and lifts the limits") {
  TestRuntime rt;
  AdmissionOptions options;
  options.tokens = {"one", "two"};
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

TEST_CASE("a token file has one token a line, and says which line is none") {
  const std::string path = std::tmpnam(nullptr);
  std::ofstream(path) << "# people\none\r\n\n  \ntwo==  \n";
  const auto tokens = read_token_file(path);
  REQUIRE(tokens);
  CHECK(*tokens == std::vector<std::string>{"one", "two=="});
  std::ofstream(path) << "one\nt w o\n";
  CHECK(read_token_file(path).error().detail.find(path + ":2:") == 0);
  std::ofstream(path) << "# none\n";
  CHECK(read_token_file(path).error().detail.find(path) != std::string::npos);
  std::remove(path.c_str());
  CHECK(read_token_file(path).error().kind == ErrorKind::usage);
}
