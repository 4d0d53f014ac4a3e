// TlsEngine: two of them back to back: what goes in at one end comes out at the other.
#include "tls/tls_engine.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

#include "engine_pair.h"

namespace tenfold {
namespace {

using test::EnginePair;

std::string noise(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

}  // namespace

TEST_CASE("a handshake and a word each way, whole, byte by byte and in odd pieces") {
  for (const std::size_t chop : {std::size_t{1} << 20, std::size_t{1}, std::size_t{7}, std::size_t{1000}}) {
    CAPTURE(chop);
    EnginePair pair;
    pair.pump(chop);
    CHECK(pair.client->ready == 1);
    CHECK(pair.server->ready == 1);
    CHECK(pair.client->engine.ready());
    pair.client->engine.write(to_bytes("question"));
    pair.server->engine.write(to_bytes("answer"));
    pair.pump(chop);
    CHECK(pair.server->received == "question");
    CHECK(pair.client->received == "answer");
    CHECK_FALSE(pair.client->error);
    CHECK_FALSE(pair.server->error);
  }
}

TEST_CASE("what is written before the handshake waits inside and goes first") {
  EnginePair pair;
  pair.client->engine.write(to_bytes("early "));
  pair.client->engine.write(to_bytes("bird"));
  CHECK(pair.client->engine.held() == 10);
  CHECK_FALSE(pair.client->engine.ready());
  pair.pump(3);
  CHECK(pair.client->engine.held() == 0);
  CHECK(pair.server->received == "early bird");
}

TEST_CASE("an end before the handshake goes out behind what waits") {
  EnginePair pair;
  pair.client->engine.write(to_bytes("all I have"));
  pair.client->engine.end();
  pair.client->engine.write(to_bytes("too late"));
  pair.pump();
  CHECK(pair.server->received == "all I have");
  CHECK(pair.server->ended);
}

TEST_CASE("each way ends by itself") {
  EnginePair pair;
  pair.pump();
  pair.client->engine.write(to_bytes("the end"));
  pair.client->engine.end();
  pair.client->engine.end();
  pair.pump();
  CHECK(pair.server->received == "the end");
  CHECK(pair.server->ended);
  CHECK_FALSE(pair.client->ended);
  pair.server->engine.write(to_bytes("still talking"));
  pair.pump();
  CHECK(pair.client->received == "still talking");
  pair.server->engine.end();
  pair.pump();
  CHECK(pair.client->ended);
  CHECK_FALSE(pair.client->error);
}

TEST_CASE("a megabyte arrives whole in any pieces") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto upto = [&](std::size_t most) { return std::uniform_int_distribution<std::size_t>(1, most)(random); };
  EnginePair pair;
  const std::string there = noise(1 << 20, seed);
  const std::string back = noise(300000, seed + 1);
  std::size_t a = 0;
  std::size_t b = 0;
  while (a < there.size() || b < back.size()) {
    const std::string_view from_client = std::string_view(there).substr(a, upto(100000));
    const std::string_view from_server = std::string_view(back).substr(b, upto(30000));
    pair.client->engine.write(to_bytes(from_client));
    pair.server->engine.write(to_bytes(from_server));
    a += from_client.size();
    b += from_server.size();
    pair.pump(upto(20000));
  }
  CHECK(pair.server->received == there);
  CHECK(pair.client->received == back);
}

TEST_CASE("bulk is written in full records, and handed on many records at a time") {
  EnginePair pair;
  pair.pump();
  const std::string bulk(128 * 1024, 'x');
  pair.client->engine.write(to_bytes(bulk));
  // Eight records of 16 KiB, each with a header of 5 and a tag and type of 17 (RFC 8446 5.2).
  CHECK(pair.client->output.size() == bulk.size() + 8 * 22);
  pair.pump();
  CHECK(pair.server->received == bulk);
  CHECK(pair.server->pieces == 2);
}

TEST_CASE("a handler may write and end from inside its data") {
  EnginePair pair;
  pair.server->on_data = [&](Bytes bytes) {
    pair.server->engine.write(bytes);
    pair.server->engine.end();
  };
  pair.client->engine.write(to_bytes("echo"));
  pair.pump();
  CHECK(pair.client->received == "echo");
  CHECK(pair.client->ended);
}

TEST_CASE("the key is renewed after so many records, and nobody notices") {
  TlsServerOptions server;
  TlsClientOptions client;
  client.records_per_key = 4;
  EnginePair pair(server, client);
  pair.pump();
  const std::string small = "12345678";
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 8; ++i) {
    pair.client->engine.write(to_bytes(small));
    sizes.push_back(pair.client->output.size());
    pair.pump();
  }
  CHECK(pair.server->received.size() == 8 * small.size());
  CHECK_FALSE(pair.server->error);
  // The fourth and the eighth carry a KeyUpdate (4 + 1 bytes and a record's 22) before them.
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    CAPTURE(i);
    CHECK(sizes[i] == small.size() + 22 + (i % 4 == 3 ? 5 + 22 : 0));
  }
}

TEST_CASE("an idle pair holds no block") {
  EnginePair pair;
  pair.pump();
  pair.client->engine.write(to_bytes("x"));
  pair.pump();
  CHECK(pair.rt.blocks.blocks_in_use() == 0);
}

TEST_CASE("a client that does not verify takes any certificate") {
  test::TestRuntime rt;
  const test::TemporaryDirectory directory;
  const auto files =
      test::make_certificate(directory.path(), {"other.example"}, {.expired = true, .self_signed = true});
  test::TlsEnd server(rt.runtime, test::must(TlsContext::server({files.cert, files.key})), TlsEngine::Role::server);
  test::TlsEnd client(rt.runtime, test::must(TlsContext::client({.verify = false})), TlsEngine::Role::client,
                      "broker.example");
  client.engine.start();
  pump(client, server);
  CHECK(client.ready == 1);
}

TEST_CASE("an IP is verified against the certificate's IPs, a name without regard to case or a last dot") {
  test::TestRuntime rt;
  const test::TemporaryDirectory directory;
  const auto files = test::make_certificate(directory.path(), {"broker.example", "127.0.0.1", "::1", "*.sub.example"});
  const auto server_context = test::must(TlsContext::server({files.cert, files.key}));
  const auto client_context = test::must(TlsContext::client({files.ca}));
  for (const char* host :
       {"127.0.0.1", "::1", "broker.example", "Broker.Example", "broker.example.", "a.sub.example"}) {
    CAPTURE(host);
    test::TlsEnd server(rt.runtime, server_context, TlsEngine::Role::server);
    test::TlsEnd client(rt.runtime, client_context, TlsEngine::Role::client, host);
    client.engine.start();
    pump(client, server);
    CHECK(client.ready == 1);
    CHECK_FALSE(client.error);
  }
}

}  // namespace tenfold
