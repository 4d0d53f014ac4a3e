// TLS for the suite's sockets, by OpenSSL: a client that verifies or does not, and a server with a generated
// certificate. Private to wire/, except TlsIdentity.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "conformance/wire/deadline.h"

namespace tenfold::conformance {

struct TlsWish;

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

// A key and a self-signed certificate for 127.0.0.1 and localhost.
class TlsIdentity {
 public:
  TlsIdentity();
  SSL_CTX* context() const { return context_.get(); }
  std::string certificate_pem() const;

 private:
  std::unique_ptr<SSL_CTX, SslFree> context_;
};

class Tls {
 public:
  Tls(int fd, const TlsWish& wish, Deadline deadline);          // as a client
  Tls(int fd, const TlsIdentity& identity, Deadline deadline);  // as a server

  std::string read(Deadline deadline, std::size_t most);
  std::size_t write_some(std::string_view bytes, Deadline deadline);
  // Whether read() would return at once. A readable socket is not enough: it may hold only a session ticket.
  bool readable();
  void finish();
  std::string alpn() const;

 private:
  void shake(Deadline deadline);
  // Waits as OpenSSL requires after `result`; false at the peer's clean end.
  bool wait(int result, Deadline deadline, const char* what);

  int fd_;
  std::unique_ptr<SSL_CTX, SslFree> own_context_;
  std::unique_ptr<SSL, SslFree> ssl_;
};

}  // namespace tenfold::conformance
