// Peer links over real sockets and TLS, on loopback.
#include <doctest/doctest.h>

#include <chrono>

#include "peer_rig.h"
#include "support/test_certificate.h"

using namespace tenfold;
using namespace tenfold::broker;
using namespace tenfold::broker::peer_test;
using tenfold::test::CertificateFiles;
using tenfold::test::make_certificate;
using tenfold::test::TemporaryDirectory;

namespace {

const std::string peer_name(TlsPeerOptions::name);
constexpr std::string_view get = "GET / HTTP/1.1\r\nHost: myapp.example.test\r\n\r\n";

std::shared_ptr<TlsContext> must(Result<std::shared_ptr<TlsContext>> context) {
  if (!context) FAIL(describe(context.error()));
  return *context;
}

// A replica that listens, and another one that dials it. Each has a certificate of its own authority.
struct Sockets : World {
  // `trusted`: whose authority the door trusts.
  Sockets(const CertificateFiles& doors, const CertificateFiles& dialers, const CertificateFiles& trusted)
      : dialer(loop, must(TlsContext::peer_client({dialers.cert, dialers.key, doors.ca}))) {
    const Error error =
        owner.door.listen({"127.0.0.1", 0}, must(TlsContext::peer_server({doors.cert, doors.key, trusted.ca})));
    REQUIRE_MESSAGE(!error, error.detail);
    RemoteTunnel::Place place;
    place.replica = replica;
    place.address = to_string(owner.door.address());
    remote = std::make_shared<RemoteTunnel>(loop.runtime(), "myapp", links, place, registry);
    visitor = std::make_unique<Visitor>(*this, remote);
  }
  ~Sockets() {
    visitor = nullptr;
    remote = nullptr;
    links.close();
    loop.runtime().graveyard.clear();
  }

  // The deadline is for a test that fails.
  void until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!done()) {
      REQUIRE_MESSAGE(std::chrono::steady_clock::now() < deadline, "this has not happened in time");
      turn();
    }
  }

  const ReplicaId replica{"a", 1};
  PeerSite owner{*this, "a"};
  SocketPeerDialer dialer;
  PeerLinks links{loop, dialer};
  TestRegistry registry{loop.runtime()};
  std::shared_ptr<RemoteTunnel> remote;
  std::unique_ptr<Visitor> visitor;
};

}  // namespace

TEST_CASE("over sockets with certificates a visitor reaches the other replica's app") {
  const TemporaryDirectory directory;
  const CertificateFiles one = make_certificate(directory.path(), {peer_name});
  const CertificateFiles two = make_certificate(directory.path(), {peer_name});
  Sockets sockets(one, two, two);
  const auto app = sockets.owner.add("myapp");
  const std::string large(1'000'000, 'x');
  sockets.visitor->browser->say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + large);
  sockets.until([&] { return !app->apps.empty() && app->apps[0]->heard.ends_with(large); });
  app->apps[0]->say("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + large);
  sockets.until([&] { return sockets.visitor->browser->heard.ends_with("\r\n\r\n" + large); });
  CHECK(sockets.owner.door.links() == 1);
}

TEST_CASE("a replica whose certificate is of another authority, or for another name, is refused and logged") {
  const TemporaryDirectory directory;
  const CertificateFiles door = make_certificate(directory.path(), {peer_name});
  const CertificateFiles other = make_certificate(directory.path(), {peer_name});
  const CertificateFiles nameless = make_certificate(directory.path(), {"127.0.0.1", "localhost"});
  for (const auto& [dialers, trusted] : {std::pair{other, door}, std::pair{nameless, nameless}}) {
    Sockets sockets(door, dialers, trusted);
    const auto app = sockets.owner.add("myapp");
    sockets.visitor->browser->say(get);
    sockets.until([&] { return !sockets.visitor->browser->heard.empty(); });
    CHECK(sockets.visitor->browser->heard.starts_with("HTTP/1.1 502 "));
    CHECK(sockets.visitor->failure.kind == ErrorKind::tls);
    CHECK(sockets.visitor->failure.origin == Origin::peer);
    CHECK(sockets.visitor->failure.detail.find("the peer refused: ") != std::string::npos);
    sockets.until([&] { return sockets.logged("peer-refused from=127.0.0.1:"); });
    CHECK(sockets.owner.door.links() == 0);
    CHECK(app->apps.empty());
  }
}
