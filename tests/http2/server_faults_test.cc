// What a hostile or broken client gets: 4xx, RST_STREAM or GOAWAY, and what it cannot make the server hold.
#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"
#include "http2/websocket_key.h"
#include "server_rig.h"

using namespace tenfold;
using namespace tenfold::test;

namespace {

constexpr std::int64_t none = -1;
constexpr std::int64_t no_error = 0;
constexpr std::int64_t protocol_error = 1;
constexpr std::int64_t stream_closed = 5;
constexpr std::int64_t calm = 0xb;

using Fields = std::vector<std::pair<std::string, std::string>>;

std::string block(const Fields& fields) {
  std::string out;
  for (const auto& [name, value] : fields) out += raw::block({{name, value}});
  return out;
}

std::string head(std::uint32_t id, const Fields& fields, std::uint8_t flags = raw::end_stream) {
  return raw::frame(raw::headers, static_cast<std::uint8_t>(raw::end_headers | flags), id, block(fields));
}

Fields usual(const std::string& path = "/hello") {
  return {{":method", "GET"}, {":scheme", "https"}, {":authority", "site.example"}, {":path", path}};
}

Fields with(Fields fields, const std::string& name, const std::string& value) {
  for (auto& field : fields) {
    if (field.first == name) return field.second = value, fields;
  }
  fields.emplace_back(name, value);
  return fields;
}

Fields without(Fields fields, const std::string& name) {
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}

Fields both(Fields fields, const std::string& name, const std::string& value) {
  fields.emplace_back(name, value);
  return fields;
}

}  // namespace

TEST_CASE("a malformed head resets its stream, reaches no handler and leaves the others alone") {
  const Fields bad[] = {
      without(usual(), ":method"),
      without(usual(), ":scheme"),
      without(usual(), ":path"),
      without(usual(), ":authority"),
      with(usual(), ":authority", ""),
      both(without(usual(), ":authority"), "host", ""),
      both(usual(), "content-length", "99999999999999999999"),
      with(usual(), ":path", ""),
      with(usual(), ":path", "hello"),
      with(usual(), ":path", "*"),
      with(usual(), ":path", "/a b"),
      with(usual(), ":path", "/a\r\n"),
      both(usual(), ":path", "/second"),
      both(usual(), ":unknown", "x"),
      both(usual(), ":status", "200"),
      both(both(usual(), "a", "b"), ":method", "GET"),
      both(usual(), "Upper", "x"),
      both(usual(), "connection", "close"),
      both(usual(), "keep-alive", "1"),
      both(usual(), "proxy-connection", "close"),
      both(usual(), "transfer-encoding", "chunked"),
      both(usual(), "upgrade", "h2c"),
      both(usual(), "te", "gzip"),
      both(usual(), "content-length", "-1"),
      both(usual(), "content-length", "1, 1"),
      both(both(usual(), "content-length", "1"), "content-length", "1"),
      both(usual(), "bad name", "x"),
      both(usual(), "", "x"),
      both(usual(), "name", std::string("a\0b", 3)),
      both(usual(), "name", "a\r\nb: c"),
      both(usual(), ":protocol", "websocket"),
      with(usual(), ":method", "G T"),
  };
  for (const Fields& fields : bad) {
    CAPTURE(block(fields));
    ServerRig rig;
    RawClient client(rig);
    client.say(head(1, fields) + head(3, usual()));
    CHECK(client.reset(1) == protocol_error);
    CHECK(client.goaway() == none);
    REQUIRE(rig.site.requests.size() == 1);
    CHECK(client.frames(raw::headers, 3).size() == 1);
    CHECK(rig.connection->streams() == 0);
  }
}

TEST_CASE("a head that asks for what cannot be is answered") {
  const std::pair<Fields, const char*> bad[] = {
      {with(usual(), ":scheme", "ftp"), "400 bad-scheme"},
      {with(usual(), ":scheme", "http"), "400 bad-scheme"},
      {with(usual(), ":path", "/a#b"), "400 fragment"},
      {with(usual(), ":path", "/" + std::string(16 * limits::KiB, 'p')), "414 long-request-line"},
      {with(usual(), ":authority", "me@site.example"), "400 userinfo"},
      {with(usual(), ":authority", "site..example"), "400 bad-host"},
      {with(usual(), ":authority", "site.example:99999"), "400 bad-host"},
      {{{":method", "CONNECT"},
        {":protocol", "a b"},
        {":scheme", "https"},
        {":authority", "site.example"},
        {":path", "/"}},
       "400 bad-protocol"},
      {both(usual(), "host", "other.example"), "400 second-host"},
      {both(usual(), "long", std::string(limits::h2_header_list, 'v')), "431 long-head"},
  };
  for (const auto& [fields, fault] : bad) {
    CAPTURE(std::string(fault));
    ServerRig rig;
    H2Client client(rig);
    const auto& answer = client.answers[client.ask(fields)];
    REQUIRE(rig.site.faults.size() == 1);
    CHECK(rig.site.faults[0] == fault);
    CHECK(answer.status() == std::string(fault).substr(0, 3));
    CHECK(answer.ended);
    CHECK(rig.connection->streams() == 0);
  }
}

TEST_CASE("a hundred fields are taken, cookies' crumbs as one") {
  ServerRig rig;
  H2Client client(rig);
  Fields fields = usual();
  for (int i = 0; i < 100; ++i) fields.emplace_back("x-" + std::to_string(i), "v");
  for (int i = 0; i < 100; ++i) fields.emplace_back("cookie", "c");
  CHECK(client.answers[client.ask(fields)].status() == "200");
  fields.emplace_back("one", "more");
  CHECK(client.answers[client.ask(fields)].status() == "431");
}

TEST_CASE("a Content-Length that the body does not keep resets the stream") {
  ServerRig rig;
  RawClient client(rig);
  Fields post = with(with(usual("/take"), ":method", "POST"), "content-length", "3");
  client.say(head(1, post, 0) + raw::frame(raw::data, raw::end_stream, 1, "ab"));
  CHECK(client.reset(1) == protocol_error);
  client.say(head(3, post, 0) + raw::frame(raw::data, 0, 3, "abcd"));
  CHECK(client.reset(3) == protocol_error);
  REQUIRE(rig.site.gone.size() == 2);
  CHECK(rig.site.gone[0].why.kind == ErrorKind::protocol);
  CHECK(rig.connection->streams() == 0);
}

TEST_CASE("trailers that are too long cut their request") {
  ServerRig rig;
  RawClient client(rig);
  client.say(head(1, with(usual("/take"), ":method", "POST"), 0) + raw::frame(raw::data, 0, 1, "ab") +
             head(1, {{"long", std::string(limits::trailer_bytes, 't')}}));
  CHECK(client.reset(1) == calm);
  REQUIRE(rig.site.gone.size() == 1);
  CHECK(rig.site.gone[0].why.kind == ErrorKind::limit);
}

TEST_CASE("a stream id that was passed over is closed; trailers of a stream that is over are not a fault") {
  ServerRig rig;
  RawClient client(rig);
  client.say(head(5, usual("/late")));
  SUBCASE("passed over") {
    client.say(head(3, usual()));
    CHECK(client.goaway() == protocol_error);
    REQUIRE(rig.site.gone.size() == 1);
    CHECK(rig.site.gone[0].why.kind == ErrorKind::protocol);
    CHECK(client.ended);
  }
  SUBCASE("over") {
    client.say(raw::reset(5, 8) + head(5, {{"x-sum", "1"}}));
    CHECK(client.goaway() == none);
  }
  SUBCASE("even") {
    client.say(head(6, usual()));
    CHECK(client.goaway() == protocol_error);
  }
}

TEST_CASE("floods end the connection: a thousand frames that carry nothing, eight CONTINUATIONs, two hundred resets") {
  const auto many = [](const std::string& one, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += one;
    return out;
  };
  SUBCASE("PING") {
    ServerRig rig;
    RawClient client(rig);
    client.say(many(raw::frame(raw::ping, 0, 0, "12345678"), 900));
    CHECK(client.goaway() == none);
    client.say(many(raw::frame(raw::ping, 0, 0, "12345678"), 200));
    CHECK(client.goaway() == calm);
  }
  SUBCASE("SETTINGS, PRIORITY, unknown frames, empty DATA, WINDOW_UPDATE") {
    for (const std::string& frame :
         {raw::frame(raw::settings, 0, 0), raw::frame(raw::priority, 0, 9, std::string(5, '\0')),
          raw::frame(0xfa, 0, 0, "x"), raw::frame(raw::data, 0, 1), raw::open_window(0, 1)}) {
      ServerRig rig;
      RawClient client(rig);
      client.say(head(1, with(usual("/take"), ":method", "POST"), 0));
      client.say(many(frame, 1100));
      CHECK(client.goaway() == calm);
    }
  }
  SUBCASE("CONTINUATION") {
    ServerRig rig;
    RawClient client(rig);
    client.say(raw::frame(raw::headers, 0, 1, block(usual())) +
               many(raw::frame(raw::continuation, 0, 1, raw::block({{"a", "b"}})), 9));
    CHECK(client.goaway() == calm);
    CHECK(rig.site.requests.empty());
  }
  SUBCASE("resets of the client") {
    ServerRig rig;
    RawClient client(rig);
    for (std::uint32_t id = 1; id < 2 * 200; id += 2) client.say(head(id, usual("/late")) + raw::reset(id, 8));
    CHECK(client.goaway() == none);
    client.say(head(401, usual("/late")) + raw::reset(401, 8));
    CHECK(client.goaway() == calm);
    CHECK(rig.site.gone.size() == 201);
  }
  SUBCASE("resets that the client makes us send") {
    ServerRig rig;
    RawClient client(rig);
    std::uint32_t id = 1;
    for (; client.goaway() == none && id < 2000; id += 2) {
      client.say(head(id, usual("/late")) + raw::open_window(id, 0x7fffffff));
    }
    CHECK(client.goaway() == calm);
    CHECK(id / 2 == 201);
  }
  SUBCASE("malformed heads") {
    ServerRig rig;
    RawClient client(rig);
    std::uint32_t id = 1;
    for (; client.goaway() == none && id < 2000; id += 2) client.say(head(id, without(usual(), ":path")));
    CHECK(client.goaway() == calm);
    CHECK(id / 2 == 201);
  }
  SUBCASE("more than a hundred requests at once") {
    ServerRig rig;
    RawClient client(rig);
    client.say(raw::frame(raw::settings, raw::ack, 0));
    for (std::uint32_t id = 1; id <= 2 * 101; id += 2) client.say(head(id, usual("/late")));
    CHECK(rig.site.requests.size() == 100);
    CHECK(client.goaway() == protocol_error);
  }
}

TEST_CASE("the bucket of resets fills by twenty a second") {
  ServerRig rig;
  RawClient client(rig);
  std::uint32_t id = 1;
  for (int second = 0; second < 10; ++second) {
    for (int i = 0; i < (second == 0 ? 200 : 20); ++i, id += 2) {
      client.say(head(id, usual("/late")) + raw::reset(id, 8));
    }
    rig.pass(1s);
  }
  CHECK(client.goaway() == none);
}

TEST_CASE("an HPACK bomb ends the connection before it is large") {
  ServerRig rig;
  RawClient client(rig);
  // One entry of 4,000 octets for the dynamic table, then an octet for each copy of it.
  const std::string entry = "\x40\x01y" + std::string("\x7f\xa1\x1e", 3) + std::string(4000, 'v');
  client.say(raw::frame(raw::headers, raw::end_headers | raw::end_stream, 1,
                        block(usual()) + entry + std::string(10'000, '\xbe')));
  CHECK(client.goaway() == calm);
  CHECK(rig.site.requests.empty());
  CHECK(rig.connection->streams() == 0);
}

TEST_CASE("bytes that are no HTTP/2 end the connection") {
  ServerRig rig;
  struct Ear final : Duplex::Handler {
    void on_data(Bytes bytes) override { heard += to_text(bytes); }
    void on_end() override { ended = true; }
    void on_sent(std::size_t) override {}
    void on_closed(const Error&) override {}
    std::string heard;
    bool ended = false;
  } ear;
  rig.client_end->set_handler(&ear);
  rig.client_end->write(to_bytes("GET / HTTP/1.1\r\nHost: site.example\r\n\r\n"));
  rig.pump();
  CHECK(ear.ended);
  CHECK(rig.site.requests.empty());
}

TEST_CASE("DATA on a stream that is over, and a WINDOW_UPDATE beyond 2^31-1") {
  ServerRig rig;
  RawClient client(rig);
  client.say(head(1, usual()));
  client.say(raw::frame(raw::data, raw::end_stream, 1, "x"));
  CHECK((client.goaway() == stream_closed || client.reset(1) == stream_closed || client.goaway() == none));
  client.say(head(3, usual("/late")) + raw::open_window(3, 0x7fffffff));
  CHECK(client.reset(3) == 3);
  client.say(raw::open_window(0, 0x7fffffff));
  CHECK(client.goaway() == 3);
  rig.pass(limits::linger_most);
  CHECK(rig.site.closed);
}

TEST_CASE("a body beyond its window is a flow control error, and no more than a window is held") {
  ServerRig rig;
  RawClient client(rig);
  client.say(raw::frame(raw::settings, raw::ack, 0));
  rig.site.let_late_pause(true);
  client.say(head(1, with(usual("/late"), ":method", "POST"), 0));
  const std::string frame = raw::frame(raw::data, 0, 1, std::string(16384, 'u'));
  for (int i = 0; i < 4; ++i) client.say(frame);
  CHECK(client.reset(1) == none);
  CHECK(client.frames(raw::window_update, 1).empty());
  client.say(frame);
  CHECK((client.reset(1) == 3 || client.goaway() == 3));
}

TEST_CASE("the connection's credit returns on arrival, padding included") {
  ServerRig rig;
  RawClient client(rig);
  client.say(raw::frame(raw::settings, raw::ack, 0));
  rig.site.let_late_pause(true);
  // Thirty-two streams fill their windows, two times the connection's, and no handler reads.
  for (std::uint32_t id = 1; id <= 2 * 32; id += 2) {
    client.say(head(id, with(usual("/late"), ":method", "POST"), 0));
    for (int i = 0; i < 4; ++i) {
      client.say(raw::frame(raw::data, 0x8, id, std::string(1, '\xff') + std::string(16383, '\0')));
    }
  }
  CHECK(client.goaway() == none);
  CHECK_FALSE(client.frames(raw::window_update, 0).empty());
  CHECK(client.frames(raw::window_update, 1).empty());
  CHECK(rig.connection->streams() == 32);
}

TEST_CASE("the answer to a WebSocket's key") {
  // RFC 6455 1.3.
  CHECK(http2::websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  const std::string key = http2::make_websocket_key();
  CHECK(key.size() == 24);
  CHECK(key.ends_with("=="));
  CHECK(key != http2::make_websocket_key());
}
