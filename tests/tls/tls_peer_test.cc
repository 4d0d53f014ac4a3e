// Peers: each side shows a certificate of the right authority and name, or is refused, and both sides can say why.
#include <doctest/doctest.h>

#include <string>

#include "engine_pair.h"

namespace tenfold {
namespace {

using test::CertificateFiles;
using test::must;
using test::TlsEnd;

const std::string peer_name(TlsPeerOptions::name);

// Each side has a certificate of its own authority, and trusts the other's.
struct Meeting {
  Meeting(CertificateFiles servers, CertificateFiles clients)
      : Meeting(must(TlsContext::peer_server({servers.cert, servers.key, clients.ca})),
                must(TlsContext::peer_client({clients.cert, clients.key, servers.ca}))) {}
  Meeting(const std::shared_ptr<TlsContext>& servers, const std::shared_ptr<TlsContext>& clients)
      : server(rt.runtime, servers, TlsEngine::Role::server),
        client(rt.runtime, clients, TlsEngine::Role::client, "10.0.0.7") {
    client.engine.start();
    pump(client, server, 100);
  }

  // One of the two refused; in TLS 1.3 a client may be done before it hears of it.
  void check_refused(TlsEnd& by, TlsEnd& refused) {
    REQUIRE(by.error);
    CHECK(by.error->kind == ErrorKind::tls);
    CHECK(by.ready == 0);
    REQUIRE(refused.error);
    CHECK(refused.error->kind == ErrorKind::tls);
  }

  test::TestRuntime rt;
  TlsEnd server;
  TlsEnd client;
};

}  // namespace

TEST_CASE("two peers meet, whatever address was dialled") {
  const test::TemporaryDirectory directory;
  const auto one = test::make_certificate(directory.path(), {peer_name});
  const auto two = test::make_certificate(directory.path(), {"replica-2.example", peer_name});
  Meeting meeting(one, two);
  CHECK(meeting.server.ready == 1);
  CHECK(meeting.client.ready == 1);
  meeting.client.engine.write(to_bytes("hello"));
  pump(meeting.client, meeting.server);
  CHECK(meeting.server.received == "hello");
}

TEST_CASE("a peer of another authority is refused by either side, and hears so") {
  const test::TemporaryDirectory directory;
  const auto one = test::make_certificate(directory.path(), {peer_name});
  const auto two = test::make_certificate(directory.path(), {peer_name});
  const auto other = test::make_certificate(directory.path(), {peer_name});
  {
    Meeting meeting(must(TlsContext::peer_server({one.cert, one.key, other.ca})),
                    must(TlsContext::peer_client({two.cert, two.key, one.ca})));
    meeting.check_refused(meeting.server, meeting.client);
    CHECK(meeting.server.error->detail ==
          "certificate verify failed: unable to get local issuer certificate (tenfold-peer)");
    CHECK(meeting.client.error->detail == "the peer refused: unknown CA");
  }
  Meeting meeting(must(TlsContext::peer_server({one.cert, one.key, two.ca})),
                  must(TlsContext::peer_client({two.cert, two.key, other.ca})));
  meeting.check_refused(meeting.client, meeting.server);
  CHECK(meeting.server.error->detail == "the peer refused: unknown CA");
}

TEST_CASE("a certificate for another name is none of a peer's, nor is one with a wildcard") {
  const test::TemporaryDirectory directory;
  const auto good = test::make_certificate(directory.path(), {peer_name});
  for (const std::string name : {"broker.example", "*"}) {
    const auto other = test::make_certificate(directory.path(), {name});
    const std::string words = "certificate is for " + name + ", not tenfold-peer";
    Meeting from(good, other);
    from.check_refused(from.server, from.client);
    CHECK(from.server.error->detail == words);
    CHECK(from.client.error->detail.starts_with("the peer refused: "));
    Meeting to(other, good);
    to.check_refused(to.client, to.server);
    CHECK(to.client.error->detail == words);
  }
}

TEST_CASE("an expired certificate is refused by that name on both sides") {
  const test::TemporaryDirectory directory;
  const auto good = test::make_certificate(directory.path(), {peer_name});
  const auto old = test::make_certificate(directory.path(), {peer_name}, {.expired = true});
  const std::string words = "certificate verify failed: certificate has expired (tenfold-peer)";
  Meeting from(good, old);
  from.check_refused(from.server, from.client);
  CHECK(from.server.error->detail == words);
  CHECK(from.client.error->detail == "the peer refused: certificate expired");
  Meeting to(old, good);
  to.check_refused(to.client, to.server);
  CHECK(to.client.error->detail == words);
}

TEST_CASE("who shows no certificate is refused") {
  const test::TemporaryDirectory directory;
  const auto good = test::make_certificate(directory.path(), {peer_name});
  Meeting meeting(must(TlsContext::peer_server({good.cert, good.key, good.ca})),
                  must(TlsContext::client({good.ca, false})));
  meeting.check_refused(meeting.server, meeting.client);
  CHECK(meeting.server.error->detail == "peer did not return a certificate");
  CHECK(meeting.client.error->detail.starts_with("the peer refused: "));
}

TEST_CASE("peers' files that cannot be used are named") {
  const test::TemporaryDirectory directory;
  const auto files = test::make_certificate(directory.path(), {peer_name});
  const auto other = test::make_certificate(directory.path(), {peer_name});
  for (const auto make : {&TlsContext::peer_server, &TlsContext::peer_client}) {
    CHECK(make({"/nowhere/a.crt", files.key, files.ca}).error().detail ==
          "certificate /nowhere/a.crt: no such file or directory");
    CHECK(make({files.cert, other.key, files.ca}).error().detail.find(" does not fit certificate ") !=
          std::string::npos);
    CHECK(make({files.cert, files.key, "/nowhere/ca.crt"}).error().detail ==
          "CA /nowhere/ca.crt: no such file or directory");
    CHECK(make({files.cert, files.key, files.key}).error().detail.ends_with(": no certificate in it"));
  }
}

}  // namespace tenfold
