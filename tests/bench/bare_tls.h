// The floor of everything that is encrypted: two ends of OpenSSL back to back, each writing into the memory that the
// other reads from, with nothing of ours between.
#pragma once

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "base/bytes.h"
#include "link_wire.h"
#include "support/test_certificate.h"
#include "tls/tls_context.h"

namespace tenfold::bench {

// The contexts of both ends, as our own programs make them.
struct Contexts {
  Contexts() {
    const test::CertificateFiles files = test::make_certificate(directory.path(), {"broker.example"});
    const auto s = TlsContext::server({files.cert, files.key});
    const auto c = TlsContext::client({files.ca});
    must(s && c, "no TLS context");
    server = *s;
    client = *c;
  }

  test::TemporaryDirectory directory;
  std::shared_ptr<TlsContext> server;
  std::shared_ptr<TlsContext> client;
};

class BareTls {
 public:
  // `release_buffers`: as libframe has it, or kept.
  explicit BareTls(bool release_buffers = true) {
    server_ = SSL_new(contexts_.server->get());
    client_ = SSL_new(contexts_.client->get());
    if (!release_buffers) {
      SSL_clear_mode(server_, SSL_MODE_RELEASE_BUFFERS);
      SSL_clear_mode(client_, SSL_MODE_RELEASE_BUFFERS);
    }
    BIO* there = memory();
    BIO* back = memory();
    BIO_up_ref(there);
    BIO_up_ref(back);
    SSL_set_bio(client_, back, there);
    SSL_set_bio(server_, there, back);
    SSL_set_connect_state(client_);
    SSL_set_accept_state(server_);
    while ((SSL_do_handshake(client_) != 1) | (SSL_do_handshake(server_) != 1)) {
    }
  }
  ~BareTls() {
    SSL_free(client_);
    SSL_free(server_);
  }
  BareTls(const BareTls&) = delete;
  BareTls& operator=(const BareTls&) = delete;

  SSL* server() { return server_; }
  SSL* client() { return client_; }

  static void write(SSL* from, Bytes bytes) {
    std::size_t n = 0;
    must(SSL_write_ex(from, bytes.data(), bytes.size(), &n) == 1, "SSL_write");
  }
  // 0: nothing there.
  static std::size_t read(SSL* at, MutableBytes room) {
    std::size_t n = 0;
    return SSL_read_ex(at, room.data(), room.size(), &n) == 1 ? n : 0;
  }

 private:
  static BIO* memory() {
    BIO* bio = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(bio, -1);
    return bio;
  }

  Contexts contexts_;
  SSL* server_ = nullptr;
  SSL* client_ = nullptr;
};

}  // namespace tenfold::bench
