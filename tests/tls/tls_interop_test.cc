// TlsEngine against OpenSSL as others use it: an older version, other application protocols, weak suites.
#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include <array>
#include <string>

#include "engine_pair.h"

namespace tenfold {
namespace {

// A client of somebody else's, on memory BIOs.
class StockClient {
 public:
  explicit StockClient(int version, const char* ciphers = "DEFAULT", std::string_view alpn = {})
      : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_max_proto_version(context_, version);
    SSL_CTX_set_min_proto_version(context_, version < TLS1_2_VERSION ? version : TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(context_, ciphers);
    ssl_ = SSL_new(context_);
    if (!alpn.empty()) SSL_set_alpn_protos(ssl_, to_bytes(alpn).data(), static_cast<unsigned>(alpn.size()));
    SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_);
  }
  ~StockClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  SSL* get() const { return ssl_; }

  void pump(test::TlsEnd& server) {
    bool moved = true;
    std::array<std::uint8_t, 4096> room{};
    while (moved) {
      moved = false;
      std::size_t n = 0;
      if (SSL_read_ex(ssl_, room.data(), room.size(), &n) == 1) {
        received += to_text(Bytes(room).first(n));
        moved = true;
      }
      if (const int out = BIO_read(SSL_get_wbio(ssl_), room.data(), room.size()); out > 0) {
        server.engine.receive(Bytes(room).first(static_cast<std::size_t>(out)));
        moved = true;
      }
      if (!server.output.empty()) {
        BIO_write(SSL_get_rbio(ssl_), server.output.data(), static_cast<int>(server.output.size()));
        server.output.clear();
        moved = true;
      }
    }
  }

  std::string alpn() const {
    const unsigned char* chosen = nullptr;
    unsigned length = 0;
    SSL_get0_alpn_selected(ssl_, &chosen, &length);
    return std::string(to_text({chosen, length}));
  }

  std::string received;

 private:
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
};

struct Server {
  test::TestRuntime rt;
  test::TemporaryDirectory directory;
  test::CertificateFiles files = test::make_certificate(directory.path(), {"broker.example"});
  test::TlsEnd end{rt.runtime, test::must(TlsContext::server({files.cert, files.key})), TlsEngine::Role::server};
};

}  // namespace

TEST_CASE("TLS 1.2 works, with an AEAD suite and an ephemeral key") {
  Server server;
  StockClient client(TLS1_2_VERSION);
  client.pump(server.end);
  REQUIRE(server.end.ready == 1);
  CHECK(std::string(SSL_get_version(client.get())) == "TLSv1.2");
  const SSL_CIPHER* cipher = SSL_get_current_cipher(client.get());
  CHECK(SSL_CIPHER_is_aead(cipher) == 1);
  CHECK(SSL_CIPHER_get_kx_nid(cipher) == NID_kx_ecdhe);
  server.end.engine.write(to_bytes("hello"));
  client.pump(server.end);
  CHECK(client.received == "hello");
}

TEST_CASE("a client that has only CBC suites is refused") {
  Server server;
  StockClient client(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-SHA256");
  client.pump(server.end);
  REQUIRE(server.end.error);
  CHECK(server.end.error->detail == "no shared cipher");
}

TEST_CASE("a client that has only TLS 1.1 is refused") {
  Server server;
  StockClient client(TLS1_1_VERSION, "DEFAULT@SECLEVEL=0");
  client.pump(server.end);
  REQUIRE(server.end.error);
  CHECK(server.end.error->detail == "unsupported protocol");
}

TEST_CASE("http/1.1 is chosen where it is offered, and nothing where it is not") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Server both;
    StockClient browser(version, "DEFAULT", "\x02h2\x08http/1.1");
    browser.pump(both.end);
    CHECK(both.end.ready == 1);
    CHECK(browser.alpn() == "http/1.1");

    Server other;
    StockClient h2_only(version, "DEFAULT", "\x02h2");
    h2_only.pump(other.end);
    CHECK(other.end.ready == 1);
    CHECK(h2_only.alpn().empty());
  }
}

TEST_CASE("a renegotiation is not entered into") {
  Server server;
  StockClient client(TLS1_2_VERSION);
  client.pump(server.end);
  REQUIRE(server.end.ready == 1);
  SSL_renegotiate(client.get());
  SSL_do_handshake(client.get());
  client.pump(server.end);
  // The client still waits for an answer to its second hello.
  CHECK(SSL_is_init_finished(client.get()) == 0);
}

}  // namespace tenfold
