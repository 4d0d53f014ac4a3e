// Who may make a tunnel.
#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "broker/admission/admission.h"
#include "broker/admission/client_address.h"
#include "broker/rules.h"
#include "some_tokens.h"
#include "support/test_runtime.h"

using namespace tenfold;
using namespace tenfold::broker;
using handshake::Refusal;
using tenfold::broker::test::hashed_line;
using tenfold::broker::test::with_tokens;
using tenfold::test::TestRuntime;

TEST_CASE("an address makes so many tunnels a minute, and holds so many") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
  for (std::size_t i = 0; i < rules::creates_per_ip; ++i) CHECK(admission.admit("203.0.113.1") == Refusal::none);
  CHECK(admission.admit("203.0.113.1") == Refusal::rate);
  CHECK(admission.admit("203.0.113.2") == Refusal::none);
  rt.pass(61s);
  CHECK(admission.admit("203.0.113.1") == Refusal::none);
  for (std::size_t i = 0; i < rules::tunnels_per_ip; ++i) admission.on_tunnel_up("203.0.113.1");
  CHECK(admission.admit("203.0.113.1") == Refusal::limit);
  admission.on_tunnel_down("203.0.113.1");
  CHECK(admission.admit("203.0.113.1") == Refusal::none);
}

TEST_CASE("agents that come back all at once open at most 100 links in any second, and a thousand of them in 20 s") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
  std::vector<TimePoint> taken;
  rt.pass(1h);
  const TimePoint begin = rt.timers.now();
  while (taken.size() < 1000) {
    if (admission.take_handshake()) {
      taken.push_back(rt.timers.now());
    } else {
      rt.pass(1ms);
    }
  }
  CHECK(rt.timers.now() - begin < 20s);
  std::size_t most = 0;
  for (std::size_t first = 0, next = 0; first < taken.size(); ++first) {
    while (next < taken.size() && taken[next] - taken[first] < 1s) ++next;
    most = std::max(most, next - first);
  }
  CHECK(most <= 100);
}

TEST_CASE("links that are not paced are taken as they come") {
  TestRuntime rt;
  Admission admission(rt.runtime, {.paced = false});
  for (int i = 0; i < 10'000; ++i) CHECK(admission.take_handshake());
}

TEST_CASE("an attempt that is refunded does not count, and is forgotten") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
  for (int i = 0; i < 100; ++i) {
    CHECK(admission.admit("203.0.113.1") == Refusal::none);
    admission.refund("203.0.113.1");
    CHECK(admission.size() == 0);
  }
  // Nothing is given back that was not taken.
  admission.refund("203.0.113.1");
  for (std::size_t i = 0; i < rules::creates_per_ip; ++i) admission.admit("203.0.113.1");
  CHECK(admission.admit("203.0.113.1") == Refusal::rate);
  admission.on_tunnel_up("203.0.113.2");
  admission.refund("203.0.113.2");
  CHECK(admission.size() == 2);
}

TEST_CASE("this machine itself has no limits by address") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
  for (int i = 0; i < 100; ++i) CHECK(admission.admit("127.0.0.1") == Refusal::none);
}

TEST_CASE("clients whose address is unknown have the limits of one address") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
  const std::string unknown(unknown_client);
  for (std::size_t i = 0; i < rules::creates_per_ip; ++i) CHECK(admission.admit(unknown) == Refusal::none);
  CHECK(admission.admit(unknown) == Refusal::rate);
  rt.pass(61s);
  for (std::size_t i = 0; i < rules::tunnels_per_ip; ++i) admission.on_tunnel_up(unknown);
  CHECK(admission.admit(unknown) == Refusal::limit);
  CHECK(admission.admit("203.0.113.1") == Refusal::none);
}

TEST_CASE("an IPv4 address in IPv6 has the limits of the IPv4 address") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
  for (std::size_t i = 0; i < rules::creates_per_ip; ++i) CHECK(admission.admit("203.0.113.1") == Refusal::none);
  CHECK(admission.admit("::ffff:203.0.113.1") == Refusal::rate);
}

TEST_CASE("a token opens the door and lifts the limits by address") {
  TestRuntime rt;
  Admission admission(rt.runtime, with_tokens("one a\ntwo b\n"));
  CHECK(admission.identify("").refusal == Refusal::unauthorized);
  CHECK(admission.identify("three").refusal == Refusal::unauthorized);
  CHECK(admission.identify("two").token == "b");
  for (int i = 0; i < 50; ++i) {
    CHECK(admission.admit("203.0.113.1", "b") == Refusal::none);
    admission.on_tunnel_up("203.0.113.1", "b");
  }
  CHECK(admission.tunnels_of("b") == 50);
  CHECK(admission.size() == 0);
}

TEST_CASE("without tokens nobody is asked for one; where they are optional, a wrong one is still wrong") {
  TestRuntime rt;
  using Need = Admission::Need;
  const Admission open(rt.runtime, {});
  CHECK(open.identify("").refusal == Refusal::none);
  CHECK(open.identify("anything").token.empty());
  const Admission guarded(rt.runtime, with_tokens("one a\n"));
  CHECK(guarded.identify("", Need::nothing).refusal == Refusal::none);
  CHECK(guarded.identify("one", Need::nothing).token == "a");
  CHECK(guarded.identify("wrong", Need::nothing).refusal == Refusal::unauthorized);
  const Admission closed(rt.runtime, with_tokens("# none\n"));
  CHECK(closed.identify("").refusal == Refusal::unauthorized);
}

TEST_CASE("a token's tunnels are counted for it, from whatever address, and for no address") {
  TestRuntime rt;
  Admission admission(rt.runtime, with_tokens(hashed_line("a", "one", "tunnels=2") + "two b\n"));
  CHECK(admission.admit("203.0.113.1", "a") == Refusal::none);
  admission.on_tunnel_up("203.0.113.1", "a");
  admission.on_tunnel_up("127.0.0.1", "a");
  CHECK(admission.admit("203.0.113.3", "a") == Refusal::limit);
  CHECK_FALSE(admission.has_room("203.0.113.3", "a"));
  CHECK(admission.admit("203.0.113.1", "b") == Refusal::none);
  admission.refund("203.0.113.1", "a");
  CHECK(admission.admit("203.0.113.1", "a") == Refusal::limit);
  admission.on_tunnel_down("203.0.113.1", "a");
  CHECK(admission.admit("203.0.113.3", "a") == Refusal::none);
  CHECK(admission.size() == 0);
}

TEST_CASE("other tokens and limits count from then on; what stands is counted on") {
  TestRuntime rt;
  Admission admission(rt.runtime, with_tokens(hashed_line("a", "one", "tunnels=5")));
  for (int i = 0; i < 3; ++i) admission.on_tunnel_up("203.0.113.1", "a");
  admission.apply(with_tokens(hashed_line("a", "one", "tunnels=3")));
  CHECK(admission.admit("203.0.113.1", "a") == Refusal::limit);
  admission.apply(with_tokens("two b\n"));
  CHECK(admission.identify("one").refusal == Refusal::unauthorized);
  CHECK(admission.admit("203.0.113.1", "a") == Refusal::limit);
  CHECK(admission.tunnels_of("a") == 3);
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
    CHECK(admission.admit("2001:db8::" + std::to_string(i)) == Refusal::none);
  }
  CHECK(admission.admit("2001:db8::99") == Refusal::rate);
  CHECK(admission.admit("2001:db8:0:1::1") == Refusal::none);
}

TEST_CASE("an address whose attempts do not count is forgotten with its last tunnel") {
  TestRuntime rt;
  Admission admission(rt.runtime, {});
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
