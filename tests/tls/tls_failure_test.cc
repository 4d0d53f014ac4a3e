// TlsEngine: what is refused, and whether a person can tell from the words what was wrong.
#include <doctest/doctest.h>

#include <string>

#include "engine_pair.h"

namespace tenfold {
namespace {

using test::CertificateFiles;
using test::TlsEnd;

struct Outcome {
  std::string client;
  std::string server;
};

// What both ends say of a handshake in which the client looks for `host`, trusting `ca`.
Outcome handshake(const CertificateFiles& files, const std::string& ca, const std::string& host) {
  test::TestRuntime rt;
  TlsEnd server(rt.runtime, test::must(TlsContext::server({files.cert, files.key})), TlsEngine::Role::server);
  TlsEnd client(rt.runtime, test::must(TlsContext::client({ca})), TlsEngine::Role::client, host);
  client.engine.start();
  pump(client, server, 100);
  CHECK(client.ready == 0);
  REQUIRE(client.error);
  CHECK(client.error->kind == ErrorKind::tls);
  // Nothing goes out after a failure, and nothing comes in.
  client.engine.write(to_bytes("secret"));
  client.engine.end();
  client.engine.receive(to_bytes("anything"));
  CHECK(client.output.empty());
  return {client.error->detail, server.error ? server.error->detail : ""};
}

// What an end says when it hears these bytes first.
std::string hears(TlsEngine::Role role, std::string_view bytes, std::size_t chop = 1 << 20) {
  test::TestRuntime rt;
  const test::TemporaryDirectory directory;
  const CertificateFiles files = test::make_certificate(directory.path(), {"broker.example"});
  const auto context = test::must(role == TlsEngine::Role::server ? TlsContext::server({files.cert, files.key})
                                                                  : TlsContext::client({files.ca}));
  TlsEnd end(rt.runtime, context, role, "broker.example");
  end.engine.start();
  while (!bytes.empty() && !end.error) {
    const std::string_view piece = bytes.substr(0, chop);
    end.engine.receive(to_bytes(piece));
    bytes.remove_prefix(piece.size());
  }
  if (!end.error) return "nothing";
  CHECK(end.error->kind == ErrorKind::tls);
  return end.error->detail;
}

}  // namespace

TEST_CASE("a certificate of an unknown authority is refused, and the server hears why") {
  const test::TemporaryDirectory directory;
  const auto files = test::make_certificate(directory.path(), {"broker.example"});
  const auto other = test::make_certificate(directory.path(), {"broker.example"});
  const Outcome outcome = handshake(files, other.ca, "broker.example");
  CHECK(outcome.client == "certificate verify failed: unable to get local issuer certificate (broker.example)");
  CHECK(outcome.server == "the peer refused: unknown CA");
}

TEST_CASE("a self-signed certificate is refused by that name") {
  const test::TemporaryDirectory directory;
  const auto files = test::make_certificate(directory.path(), {"broker.example"}, {.self_signed = true});
  CHECK(handshake(files, files.ca, "broker.example").client ==
        "certificate verify failed: self-signed certificate (broker.example)");
}

TEST_CASE("an expired certificate is refused by that name") {
  const test::TemporaryDirectory directory;
  const auto files = test::make_certificate(directory.path(), {"broker.example"}, {.expired = true});
  CHECK(handshake(files, files.ca, "broker.example").client ==
        "certificate verify failed: certificate has expired (broker.example)");
}

TEST_CASE("a certificate for somebody else is refused with both names") {
  const test::TemporaryDirectory directory;
  const auto one = test::make_certificate(directory.path(), {"other.example"});
  CHECK(handshake(one, one.ca, "broker.example").client == "certificate is for other.example, not broker.example");
  CHECK(handshake(one, one.ca, "127.0.0.1").client == "certificate is for other.example, not 127.0.0.1");
  const auto many = test::make_certificate(directory.path(), {"a.example", "10.0.0.1", "::1", "d.example"});
  CHECK(handshake(many, many.ca, "broker.example").client ==
        "certificate is for a.example, 10.0.0.1, ::1, ..., not broker.example");
  const auto wild = test::make_certificate(directory.path(), {"*.example"});
  CHECK(handshake(wild, wild.ca, "a.b.example").client == "certificate is for *.example, not a.b.example");
}

TEST_CASE("plain HTTP where TLS should be is called so, on either side and however it is cut") {
  for (const std::size_t chop : {std::size_t{1000}, std::size_t{1}}) {
    CHECK(hears(TlsEngine::Role::server, "GET / HTTP/1.1\r\nHost: broker.example\r\n\r\n", chop) ==
          "not TLS: the peer speaks plain HTTP");
    CHECK(hears(TlsEngine::Role::server, "OPTIONS * HTTP/1.1\r\n\r\n", chop) == "not TLS: the peer speaks plain HTTP");
    CHECK(hears(TlsEngine::Role::client, "HTTP/1.1 400 Bad Request\r\n\r\n", chop) ==
          "not TLS: the peer speaks plain HTTP");
    CHECK(hears(TlsEngine::Role::client, "SSH-2.0-OpenSSH_9.2\r\n", chop) == "not TLS: the peer speaks something else");
  }
}

TEST_CASE("garbage in the form of a record ends the connection") {
  CHECK(hears(TlsEngine::Role::server, std::string("\x16\x03\x01\x00\x05hello", 10)) != "nothing");
  CHECK(hears(TlsEngine::Role::server, std::string("\x17\x03\x03\x00\x05hello", 10)) != "nothing");
}

TEST_CASE("a byte flipped on the way ends the connection, behind what came whole before it") {
  test::EnginePair pair;
  pair.pump();
  pair.client->engine.write(to_bytes("whole"));
  pair.client->engine.write(to_bytes("broken"));
  pair.client->output.back() ^= 1;
  test::carry(*pair.client, *pair.server, 1 << 20);
  CHECK(pair.server->received == "whole");
  REQUIRE(pair.server->error);
  CHECK(pair.server->error->detail == "decryption failed or bad record mac");
  // Its alert tells the client.
  pair.pump();
  REQUIRE(pair.client->error);
  CHECK(pair.client->error->detail == "the peer refused: bad record mac");
}

}  // namespace tenfold
