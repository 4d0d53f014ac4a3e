// Small questions about forwarded heads.
#include <doctest/doctest.h>

#include "broker/answer_head.h"
#include "broker/forwarded_head.h"
#include "broker/reply.h"

using namespace tenfold;
using namespace tenfold::broker;

TEST_CASE("a 101 must name a protocol that was asked for") {
  const auto answer = [](std::string_view connection, std::string_view upgrade) {
    return http1::ResponseHead{101, "", 1, {{"Connection", connection}, {"Upgrade", upgrade}}};
  };
  CHECK(switches_as_asked(answer("Upgrade", "WebSocket"), "websocket"));
  CHECK(switches_as_asked(answer("x, upgrade", "b"), "a, b"));
  CHECK_FALSE(switches_as_asked(answer("Upgrade", "other"), "websocket"));
  CHECK_FALSE(switches_as_asked(answer("close", "websocket"), "websocket"));
  CHECK_FALSE(switches_as_asked(answer("Upgrade", "websocket"), ""));
}

TEST_CASE("a request has come round only when this tunnel's own mark is in its Via") {
  CHECK(came_round_again({{"Via", "1.0 fred, 1.1 tenfold-myapp"}}, "myapp"));
  CHECK_FALSE(came_round_again({{"Via", "1.1 tenfold-other"}}, "myapp"));
  CHECK_FALSE(came_round_again({}, "myapp"));
}

TEST_CASE("a page about a fault cannot be made to carry markup") {
  const Reply reply = trouble_reply({502, "x", "<script>&\""}, {{"Accept", "text/html"}}, "id");
  CHECK(reply.body.find("<script>") == std::string::npos);
  CHECK(reply.body.find("&lt;script&gt;&amp;&quot;") != std::string::npos);
}

TEST_CASE("every cause of failure has its status") {
  CHECK(trouble_of({ErrorKind::refused, ""}).status == 502);
  CHECK(trouble_of({ErrorKind::dns, ""}).status == 502);
  CHECK(trouble_of({ErrorKind::tls, ""}).status == 502);
  CHECK(trouble_of({ErrorKind::timeout, ""}).status == 502);
  CHECK(trouble_of({ErrorKind::io, ""}).status == 504);
  CHECK(trouble_of({ErrorKind::limit, ""}).status == 503);
  CHECK(trouble_of({ErrorKind::closed, ""}).status == 503);
}
