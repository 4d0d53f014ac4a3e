// Visitors in line: who is next, who has waited long enough, and who goes back to where it stood.
#include <doctest/doctest.h>

#include "broker/rules.h"
#include "broker/tunnels/waiting_room.h"
#include "support/test_runtime.h"
#include "tunnels/wanting.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;
using tenfold::test::TestRuntime;

TEST_CASE("who came first is next, and who withdraws stands in nobody's way") {
  TestRuntime rt;
  WaitingRoom room(rt.runtime);
  Wanting one, two, three;
  for (Wanting* wanting : {&one, &two, &three}) room.enter(*wanting);
  two.withdraw();
  CHECK(room.size() == 2);
  CHECK(room.next() == &one);
  CHECK(room.next() == &three);
  CHECK(room.next() == nullptr);
}

TEST_CASE("who is put back is first again, and waits no longer than before") {
  TestRuntime rt;
  WaitingRoom room(rt.runtime);
  Wanting one, two;
  room.enter(one);
  rt.pass(rules::waiting_time / 2);
  room.enter(two);
  REQUIRE(room.next() == &one);
  room.put_back(one);
  CHECK(room.size() == 2);
  rt.pass(rules::waiting_time / 2);
  CHECK(one.why.kind == ErrorKind::limit);
  CHECK_FALSE(two.why);
  room.put_back(*room.next());
  CHECK(room.next() == &two);
  CHECK(room.size() == 0);
}
