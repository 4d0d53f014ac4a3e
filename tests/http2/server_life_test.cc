// How a connection of HTTP/2 ends, and whom it waits for how long.
#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"
#include "server_rig.h"

using namespace tenfold;
using namespace tenfold::test;

namespace {

constexpr std::int32_t last_id = 0x7fffffff;

http2::ServerOptions patient() {
  http2::ServerOptions options;
  options.patience.head = 10s;
  options.patience.keep_alive = 120s;
  options.patience.body_idle = 300s;
  options.patience.stream_idle = 3600s;
  options.patience.reader_idle = 600s;
  options.patience.half_close = 5s;
  return options;
}

H2Client::Pairs upgrade_head() {
  return {{":method", "CONNECT"},
          {":protocol", "anything"},
          {":scheme", "https"},
          {":authority", "site.example"},
          {":path", "/chat"}};
}

}  // namespace

TEST_CASE("a drain says GOAWAY twice, with a round trip between, and answers what runs") {
  ServerRig rig(patient());
  H2Client client(rig);
  const std::int32_t late = client.get("/late");
  rig.connection->drain();
  rig.pump();
  CHECK(client.goaways == std::vector<std::int32_t>{last_id, late});
  CHECK_FALSE(rig.site.closed);
  rig.site.answer_late();
  rig.pump();
  CHECK(client.answers[late].body == "late");
  CHECK(client.answers[late].code == 0);
  CHECK(client.ended);
  rig.client_end->end();
  rig.pump();
  CHECK(rig.site.closed);
}

TEST_CASE("a request that crosses the first GOAWAY is answered; one behind the second is not begun") {
  ServerRig rig(patient());
  RawClient client(rig);
  client.say(RawClient::get(1, "/late"));
  rig.connection->drain();
  // Both before the answer to the PING.
  client.say(RawClient::get(3, "/late"));
  const auto pings = client.frames(raw::ping, 0);
  REQUIRE(pings.size() == 1);
  CHECK(client.frames(raw::goaway, 0).size() == 1);
  client.say(raw::frame(raw::ping, raw::ack, 0, pings[0].payload));
  const auto goaways = client.frames(raw::goaway, 0);
  REQUIRE(goaways.size() == 2);
  CHECK(goaways[0].number_at(0) == static_cast<std::uint32_t>(last_id));
  CHECK(goaways[1].number_at(0) == 3);
  client.say(RawClient::get(5, "/late"));
  CHECK(rig.site.requests.size() == 2);
  rig.site.answer_late();
  rig.pump();
  CHECK(client.frames(raw::data, 1).size() == 1);
  CHECK(client.frames(raw::data, 3).size() == 1);
  CHECK(client.ended);
}

TEST_CASE("a drain without an answer to its PING goes on after a second; an idle connection ends") {
  ServerRig rig(patient());
  RawClient client(rig);
  rig.connection->drain();
  rig.pump();
  CHECK_FALSE(client.ended);
  rig.pass(limits::drain_grace);
  CHECK(client.ended);
  rig.pass(limits::linger_time);
  CHECK(rig.site.closed);
}

TEST_CASE("end_now() cuts what runs") {
  ServerRig rig(patient());
  H2Client client(rig);
  client.get("/late");
  rig.connection->end_now();
  CHECK(rig.site.gone.empty());  // never from inside the call
  rig.pump();
  REQUIRE(rig.site.gone.size() == 1);
  CHECK(rig.site.gone[0].why.kind == ErrorKind::cancelled);
  CHECK(client.goaways.size() == 1);
  CHECK(client.ended);
}

TEST_CASE("end_now() and drain() from inside a request") {
  for (const bool now : {true, false}) {
    ServerRig rig(patient());
    rig.site.on_each = [&] { now ? rig.connection->end_now() : rig.connection->drain(); };
    H2Client client(rig);
    const std::int32_t id = client.get("/hello");
    CHECK(client.answers[id].ended == !now);
    rig.client_end->end();
    rig.pass(limits::linger_most);
    CHECK(rig.site.closed);
  }
}

TEST_CASE("the client's end: what it still sends is gone, answers have the half-close time") {
  ServerRig rig(patient());
  H2Client client(rig);
  const std::int32_t open = client.ask(client.head("/take", "POST"), "abc", true);
  const std::int32_t late = client.get("/late");
  rig.client_end->end();
  rig.pump();
  REQUIRE(rig.site.gone.size() == 1);
  CHECK(rig.site.gone[0].why.kind == ErrorKind::closed);
  CHECK(client.answers[open].code == NGHTTP2_CANCEL);
  SUBCASE("in time") {
    rig.pass(4s);
    rig.site.answer_late();
    rig.pump();
    CHECK(client.answers[late].body == "late");
    CHECK(rig.site.closed);
  }
  SUBCASE("too late") {
    rig.pass(5s);
    REQUIRE(rig.site.gone.size() == 2);
    CHECK(rig.site.gone[1].limit == http::Limit::half_close);
    CHECK(rig.site.closed);
  }
}

TEST_CASE("a connection that is cut: every request hears of it, then the owner") {
  ServerRig rig(patient());
  H2Client client(rig);
  client.get("/late");
  client.ask(upgrade_head(), "x", true);
  rig.client_end->reset(ErrorKind::cancelled);
  rig.pump();
  CHECK(rig.site.gone.size() == 1);
  REQUIRE(rig.site.pipes_closed.size() == 1);
  CHECK(rig.site.pipes_closed[0].kind != ErrorKind::none);
  CHECK(rig.site.closed);
}

TEST_CASE("no preface in the head's time") {
  ServerRig rig(patient());
  struct Ear final : Duplex::Handler {
    void on_data(Bytes) override {}
    void on_end() override { ended = true; }
    void on_sent(std::size_t) override {}
    void on_closed(const Error&) override {}
    bool ended = false;
  } ear;
  rig.client_end->set_handler(&ear);
  rig.client_end->write(to_bytes(raw::preface.substr(0, 10)));
  rig.pass(9s);
  CHECK_FALSE(ear.ended);
  rig.pass(1s);
  CHECK(ear.ended);
}

TEST_CASE("a connection without a request ends after the keep-alive time; a head that trickles is none") {
  ServerRig rig(patient());
  RawClient client(rig);
  rig.pass(119s);
  client.say(RawClient::get(1, "/hello"));
  rig.pass(119s);
  CHECK(client.goaway() == -1);
  client.say(RawClient::get(3, "/hello").substr(0, 20));
  rig.pass(1s);
  CHECK(client.goaway() == 0);
  CHECK(client.ended);
}

TEST_CASE("a silent sender of a body with credit left is cut; one that is held back is not") {
  ServerRig rig(patient());
  H2Client client(rig);
  auto known = client.head("/take", "POST");
  known.emplace_back("content-length", "1000");
  SUBCASE("known length") {
    const std::int32_t id = client.ask(known, "abc", true);
    rig.pass(299s);
    client.say_more(id, "abc", false);
    rig.pass(299s);
    CHECK(rig.site.gone.empty());
    rig.pass(1s);
    REQUIRE(rig.site.gone.size() == 1);
    CHECK(rig.site.gone[0].limit == http::Limit::body_idle);
    CHECK(rig.site.gone[0].why.kind == ErrorKind::timeout);
    CHECK(client.answers[id].code == NGHTTP2_CANCEL);
  }
  SUBCASE("unknown length") {
    client.ask(client.head("/take", "POST"), "abc", true);
    rig.pass(3599s);
    CHECK(rig.site.gone.empty());
    rig.pass(1s);
    REQUIRE(rig.site.gone.size() == 1);
    CHECK(rig.site.gone[0].limit == http::Limit::stream_idle);
  }
  SUBCASE("held back") {
    rig.site.let_late_pause(true);
    client.ask(client.head("/late", "POST"), std::string(100'000, 'u'), true);
    rig.pass(10h);
    CHECK(rig.connection->streams() == 1);
  }
}

TEST_CASE("a reader that takes nothing is cut, also when its handler is done") {
  ServerRig rig(patient());
  H2Client client(rig);
  client.set_window(0);
  const std::int32_t big = client.get("/big?1000000");
  const std::int32_t done = client.ask(client.head("/big?100"));
  rig.pass(599s);
  CHECK(rig.site.gone.empty());
  CHECK(rig.connection->streams() == 2);
  rig.pass(1s);
  REQUIRE(rig.site.gone.size() == 1);
  CHECK(rig.site.gone[0].limit == http::Limit::reader_idle);
  CHECK(client.answers[big].code == NGHTTP2_CANCEL);
  CHECK(client.answers[done].code == NGHTTP2_CANCEL);
  CHECK(rig.connection->streams() == 0);
}

TEST_CASE("an upgraded stream may be silent for the stream-idle time") {
  ServerRig rig(patient());
  H2Client client(rig);
  const std::int32_t id = client.ask(upgrade_head(), "x", true);
  rig.pass(3599s);
  client.say_more(id, "y", false);
  CHECK(client.answers[id].body == "xy");
  rig.pass(3599s);
  CHECK(rig.site.pipes_closed.empty());
  rig.pass(1s);
  REQUIRE(rig.site.pipes_closed.size() == 1);
  CHECK(rig.site.pipes_closed[0].kind == ErrorKind::timeout);
}

TEST_CASE("a client that reads nothing holds back its answers, not the server's memory") {
  ServerRig rig(patient());
  RawClient client(rig, raw::setting(4, 0x7fffffff));
  client.say(raw::open_window(0, 0x7fff0000 - 65535));
  client.reads = false;
  const std::size_t before = client.heard.size();
  for (std::uint32_t id = 1; id < 20; id += 2) client.say(RawClient::get(id, "/big?10000000"));
  // The pipe's window, its queue, and what each handler has written.
  CHECK(client.heard.size() - before <= limits::buffered_high);
  CHECK(rig.rt.blocks.blocks_in_use() < 100);
}
