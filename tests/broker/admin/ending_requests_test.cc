// What becomes of the requests of a tunnel that the operator ends.
#include <doctest/doctest.h>

#include "public_rig.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::test;

namespace {

const std::string get = "GET / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n";

}  // namespace

TEST_CASE("a request without an answer gets 503, and its pipe is cut") {
  Rig rig;
  rig.browser_says(get);
  CHECK(rig.desk.end_requests_of("another") == 0);
  CHECK(rig.desk.end_requests_of("myapp") == 1);
  rig.pump();
  CHECK(rig.browser->heard.starts_with("HTTP/1.1 503 "));
  CHECK(rig.app().cut);
  CHECK(rig.metrics.failures("agent-away") == 1);
  CHECK(rig.desk.running() == 0);
}

TEST_CASE("an answer that was begun is cut") {
  Rig rig;
  rig.browser_says(get);
  rig.app_says("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok");
  CHECK(rig.desk.end_requests_of("myapp") == 1);
  rig.pump();
  CHECK(rig.browser->cut);
  CHECK(rig.app().cut);
}

TEST_CASE("an upgraded connection ends both ways") {
  Rig rig;
  rig.browser_says("GET / HTTP/1.1\r\nHost: myapp.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  rig.app_says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  CHECK(rig.desk.end_requests_of("myapp") == 1);
  rig.pump();
  CHECK(rig.app().ended);
  CHECK(rig.browser->ended);
}

TEST_CASE("a banned name is refused at the handshake, classic or not, and counted by its code") {
  Rig rig;
  CHECK(rig.admission.ban("wanted", 60s));
  rig.browser_says("GET /wanted HTTP/1.1\r\nHost: example.test\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n\r\n");
  CHECK(rig.browser->take().find("\"code\":\"banned\"") != std::string::npos);
  CHECK(rig.link == nullptr);
  rig.connect();
  rig.browser_says("GET /wanted HTTP/1.1\r\nHost: example.test\r\n\r\n");
  CHECK(rig.browser->take().starts_with("HTTP/1.1 403 "));
  CHECK(rig.admission.refusals().of(handshake::Refusal::banned) == 2);
  rig.rt.pass(60s);
  rig.connect();
  rig.browser_says("GET /wanted HTTP/1.1\r\nHost: example.test\r\n\r\n");
  CHECK(rig.browser->take().starts_with("HTTP/1.1 200 "));
}
