// Requests and answers over HTTP/2, by nghttp2's client; the bytes come whole, in pieces and one by one.
#include <doctest/doctest.h>

#include <string>

#include "server_rig.h"

using namespace tenfold;
using namespace tenfold::test;

namespace {

constexpr std::size_t whole = static_cast<std::size_t>(-1);

// As a site sees it: "name: value".
std::string fields_of(const Site::Seen& seen) {
  std::string text;
  for (const auto& [name, value] : seen.fields) text += name + ": " + value + "\n";
  return text;
}

}  // namespace

TEST_CASE("requests are answered however the bytes are cut") {
  for (const std::size_t chop : {whole, std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    CAPTURE(chop);
    ServerRig rig({}, chop);
    H2Client client(rig);
    const std::int32_t hello = client.get("/hello");
    const std::int32_t head = client.get("/hello", "HEAD");
    const std::int32_t missing = client.get("/missing");
    const std::int32_t empty = client.get("/empty");
    const std::int32_t take = client.ask(client.head("/take", "POST"), std::string(3000, 'u'));
    CHECK(client.answers[hello].status() == "200");
    CHECK(client.answers[hello].body == "hello");
    CHECK(client.answers[hello].fields["content-length"] == "5");
    CHECK(client.answers[head].status() == "200");
    CHECK(client.answers[head].fields["content-length"] == "5");
    CHECK(client.answers[head].body.empty());
    CHECK(client.answers[missing].status() == "404");
    CHECK(client.answers[empty].status() == "204");
    CHECK_FALSE(client.answers[empty].fields.contains("content-length"));
    CHECK(client.answers[take].body == "3000");
    for (const auto& [id, answer] : client.answers) {
      CHECK(answer.ended);
      CHECK(answer.code == 0);
    }
    CHECK(rig.connection->streams() == 0);
    CHECK_FALSE(client.fault);
  }
}

TEST_CASE("fields of an HTTP/1.1 connection stay out of an answer") {
  ServerRig rig;
  H2Client client(rig);
  const auto& answer = client.answers[client.get("/hello")];
  CHECK(answer.fields.at("content-type") == "text/plain");
  CHECK_FALSE(answer.fields.contains("connection"));
  CHECK_FALSE(answer.fields.contains("x-hop"));
}

TEST_CASE("a head is what HTTP/1.1 would have had") {
  ServerRig rig;
  H2Client client(rig);
  client.ask({{":method", "GET"},
              {":scheme", "https"},
              {":authority", "Site.example:8443"},
              {":path", "/hello?a=%2F"},
              {"cookie", "a=1"},
              {"host", "site.example:8443"},
              {"te", "trailers"},
              {"cookie", "b=2"},
              {"accept", "*/*"}});
  REQUIRE(rig.site.requests.size() == 1);
  const Site::Seen& seen = rig.site.requests[0];
  CHECK(seen.method == "GET");
  CHECK(seen.target == "/hello?a=%2F");
  CHECK(fields_of(seen) == "Host: Site.example:8443\nte: trailers\naccept: */*\ncookie: a=1; b=2\n");
  CHECK(seen.body.kind == http::BodySize::Kind::none);
}

TEST_CASE("OPTIONS * and a Host in place of :authority") {
  ServerRig rig;
  H2Client client(rig);
  client.ask({{":method", "OPTIONS"}, {":scheme", "https"}, {":path", "*"}, {"host", "site.example"}});
  REQUIRE(rig.site.requests.size() == 1);
  CHECK(rig.site.requests[0].target == "*");
  CHECK(fields_of(rig.site.requests[0]) == "Host: site.example\n");
  CHECK(rig.site.faults.empty());
}

TEST_CASE("plain CONNECT has an authority as its target") {
  ServerRig rig;
  H2Client client(rig);
  const std::int32_t id = client.ask({{":method", "CONNECT"}, {":authority", "site.example:443"}}, {}, true);
  REQUIRE(rig.site.requests.size() == 1);
  CHECK(rig.site.requests[0].method == "CONNECT");
  CHECK(rig.site.requests[0].target == "site.example:443");
  CHECK(client.answers[id].status() == "404");
}

TEST_CASE("bytes that were read before the connection are its beginning") {
  struct Ear final : Duplex::Handler {
    void on_data(Bytes bytes) override { heard += to_text(bytes); }
    void on_end() override {}
    void on_sent(std::size_t) override {}
    void on_closed(const Error&) override {}
    std::string heard;
  } first, client;
  const std::string all = std::string(raw::preface) + raw::frame(raw::settings, 0, 0) + RawClient::get(1, "/hello");
  for (const std::size_t before : {std::size_t{3}, std::size_t{24}, all.size() - 1, all.size()}) {
    TestRuntime rt;
    Site site;
    MemoryPipe wire(rt.runtime);
    const std::unique_ptr<Duplex> client_end = wire.take_left();
    std::unique_ptr<Duplex> server_end = wire.take_right();
    client_end->set_handler(&client);
    server_end->set_handler(&first);
    first.heard.clear();
    client_end->write(to_bytes(all).first(before));
    wire.pump();
    http2::ServerConnection connection(rt.runtime, site, std::move(server_end), {});
    connection.start(to_bytes(first.heard));
    client_end->write(to_bytes(all).subspan(before));
    wire.pump();
    CHECK(site.requests.size() == 1);
    CHECK(wire.right_uncredited() == 0);
  }
}

TEST_CASE("a body's size is known from its Content-Length") {
  ServerRig rig;
  H2Client client(rig);
  auto head = client.head("/take", "POST");
  client.ask(head, "abc");
  head.emplace_back("content-length", "3");
  client.ask(head, "abc");
  REQUIRE(rig.site.requests.size() == 2);
  CHECK(rig.site.requests[0].body.kind == http::BodySize::Kind::unknown);
  CHECK(rig.site.requests[1].body.kind == http::BodySize::Kind::known);
  CHECK(rig.site.requests[1].body.length == 3);
}

TEST_CASE("a body of many windows is echoed, and no window leaks") {
  for (const std::size_t chop : {whole, std::size_t{1000}}) {
    ServerRig rig({}, chop);
    H2Client client(rig);
    std::string body;
    for (int i = 0; body.size() < 3'000'000; ++i) body += std::to_string(i);
    for (int round = 0; round < 2; ++round) {
      const std::int32_t id = client.ask(client.head("/echo", "POST"), body);
      CHECK(client.answers[id].body == body);
      CHECK(client.answers[id].ended);
      CHECK(client.answers[id].code == 0);
    }
    CHECK(rig.site.whole_bodies == 2);
    CHECK(rig.connection->streams() == 0);
    CHECK_FALSE(client.fault);
  }
}

TEST_CASE("a window that drains within a round trip grows, to the connection's at most") {
  ServerRig rig;
  H2Client client(rig);
  const std::int32_t id = client.ask(client.head("/take", "POST"), std::string(200'000, 'u'), true);
  CHECK(client.window(id) > 64 * 1024);
  client.say_more(id, std::string(20'000'000, 'u'), false);
  CHECK(client.window(id) > 512 * 1024);
  CHECK(client.window(id) <= 1024 * 1024);
  client.say_more(id, {}, true);
  CHECK(client.answers[id].body == "20200000");

  // One that is drained slowly does not.
  const std::int32_t slow = client.ask(client.head("/take", "POST"), std::string(10, 'u'), true);
  for (int i = 0; i < 50; ++i) {
    client.say_more(slow, std::string(10'000, 'u'), false);
    rig.pass(10ms);
  }
  CHECK(client.window(slow) <= 64 * 1024);
}

TEST_CASE("trailers, both ways; those that frame a message are left out") {
  ServerRig rig;
  H2Client client(rig);
  const std::int32_t out = client.get("/trailers");
  CHECK(client.answers[out].body == "body");
  CHECK(client.answers[out].trailers == std::map<std::string, std::string>{{"x-sum", "42"}});
  CHECK(client.answers[out].ended);
  const std::int32_t in =
      client.ask(client.head("/take", "POST"), "abc", false, {{"x-sum", "7"}, {"authorization", "me"}});
  CHECK(client.answers[in].body == "3 x-sum=7");
}

TEST_CASE("an interim answer comes before the answer") {
  ServerRig rig;
  H2Client client(rig);
  const auto& answer = client.answers[client.get("/hints")];
  CHECK(answer.interims == std::vector<std::string>{"103"});
  CHECK(answer.status() == "200");
  CHECK(answer.body == "behind hints");
}

TEST_CASE("a cut answer shows: RST_STREAM behind what was written") {
  ServerRig rig;
  H2Client client(rig);
  const auto& answer = client.answers[client.get("/cut")];
  CHECK(answer.status() == "200");
  CHECK(answer.body == "cut");
  CHECK_FALSE(answer.ended);
  CHECK(answer.code == NGHTTP2_INTERNAL_ERROR);
  CHECK(rig.connection->streams() == 0);
}

TEST_CASE("an answer before the body's end: RST_STREAM NO_ERROR behind it") {
  ServerRig rig;
  H2Client client(rig);
  const std::int32_t id = client.ask(client.head("/deaf", "POST"), std::string(10, 'u'), true);
  CHECK(client.answers[id].status() == "403");
  CHECK(client.answers[id].body == "no");
  CHECK(client.answers[id].ended);
  CHECK(client.answers[id].closed);
  CHECK(client.answers[id].code == NGHTTP2_NO_ERROR);
  CHECK(rig.connection->streams() == 0);
  CHECK(client.answers[client.get("/hello")].body == "hello");
}

TEST_CASE("a hundred requests at once, and a hundred more") {
  ServerRig rig;
  H2Client client(rig);
  for (int round = 0; round < 2; ++round) {
    std::vector<std::int32_t> ids;
    for (int i = 0; i < 100; ++i) ids.push_back(client.get("/late"));
    CHECK(rig.connection->streams() == 100);
    rig.site.answer_late();
    rig.pump();
    for (const std::int32_t id : ids) CHECK(client.answers[id].body == "late");
    CHECK(rig.connection->streams() == 0);
  }
}

TEST_CASE("streams with much to send take turns") {
  ServerRig rig;
  H2Client client(rig);
  const std::int32_t first = client.get("/big?3000000");
  const std::int32_t second = client.get("/big?3000000");
  const std::int32_t small = client.get("/hello");
  CHECK(client.answers[small].body == "hello");
  rig.pump();
  CHECK(client.answers[first].body.size() == 3'000'000);
  CHECK(client.answers[second].body.size() == 3'000'000);
  CHECK(client.answers[second].code == 0);
}

TEST_CASE("a request that is reset by its client is gone") {
  ServerRig rig;
  H2Client client(rig);
  const std::int32_t id = client.ask(client.head("/take", "POST"), "abc", true);
  client.reset(id);
  REQUIRE(rig.site.gone.size() == 1);
  CHECK(rig.site.gone[0].why.kind == ErrorKind::cancelled);
  CHECK(rig.connection->streams() == 0);
  CHECK(client.answers[client.get("/hello")].body == "hello");
}

TEST_CASE("a handler that is set later hears of what came before") {
  ServerRig rig;
  rig.site.let_late_pause(true);
  H2Client client(rig);
  const std::int32_t id = client.get("/late");
  client.reset(id);
  CHECK(rig.site.gone.empty());
  CHECK(rig.connection->streams() == 1);
  rig.site.answer_late();
  rig.pump();
  CHECK(rig.connection->streams() == 0);
}

TEST_CASE("an upgraded stream carries bytes both ways until both have ended") {
  for (const std::size_t chop : {whole, std::size_t{1}}) {
    ServerRig rig({}, chop);
    H2Client client(rig);
    CHECK(client.has_extended_connect());
    auto head = client.head("/chat", "CONNECT");
    head.emplace_back(":protocol", "websocket");
    std::swap(head[1], head.back());
    head.emplace_back("sec-websocket-version", "13");
    const std::int32_t id = client.ask(head, "early ", true);
    REQUIRE(rig.site.requests.size() == 1);
    const std::string fields = fields_of(rig.site.requests[0]);
    CHECK(rig.site.requests[0].method == "GET");
    CHECK(rig.site.requests[0].target == "/chat");
    CHECK(fields.find("Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: ") != std::string::npos);
    CHECK(client.answers[id].status() == "200");
    CHECK(client.answers[id].fields["x-kept"] == "1");
    CHECK_FALSE(client.answers[id].fields.contains("sec-websocket-accept"));
    CHECK_FALSE(client.answers[id].fields.contains("upgrade"));
    CHECK(client.answers[id].body == "early ");
    std::string much(300'000, 'w');
    client.say_more(id, much, false);
    CHECK(client.answers[id].body == "early " + much);
    client.say_more(id, "end", true);
    CHECK(client.answers[id].body == "early " + much + "end");
    CHECK(client.answers[id].ended);
    CHECK(client.answers[id].code == 0);
    REQUIRE(rig.site.pipes_closed.size() == 1);
    CHECK(rig.site.pipes_closed[0].kind == ErrorKind::none);
    CHECK(rig.connection->streams() == 0);
  }
}

TEST_CASE("an upgraded stream that is reset, and one whose connection goes") {
  ServerRig rig;
  H2Client client(rig);
  auto head = client.head("/chat", "CONNECT");
  head.insert(head.begin() + 1, {":protocol", "anything"});
  const std::int32_t first = client.ask(head, "x", true);
  client.ask(head, "y", true);
  CHECK(client.answers[first].body == "x");
  client.reset(first);
  REQUIRE(rig.site.pipes_closed.size() == 1);
  CHECK(rig.site.pipes_closed[0].kind == ErrorKind::cancelled);
  rig.connection.reset();
  REQUIRE(rig.site.pipes_closed.size() == 2);
  CHECK(rig.site.pipes_closed[1].kind == ErrorKind::closed);
}

TEST_CASE("an upgrade that is not granted is answered; a 2xx is none") {
  ServerRig rig;
  H2Client client(rig);
  const auto ask = [&](const std::string& path) {
    auto head = client.head(path, "CONNECT");
    head.insert(head.begin() + 1, {":protocol", "websocket"});
    return client.ask(head, {}, true);
  };
  CHECK(client.answers[ask("/forbidden")].status() == "403");
  CHECK(client.answers[ask("/plain")].status() == "502");
  const auto& wrong = client.answers[ask("/wrong")];
  CHECK(wrong.status().empty());
  CHECK(wrong.code == NGHTTP2_INTERNAL_ERROR);
  CHECK(rig.connection->streams() == 0);
}
