// TLS for the suite's sockets, on OpenSSL: a client that verifies or does not, and a server with a certificate made
// on the spot. Private to wire/, but for TlsIdentity.
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

// A key and a certificate for 127.0.0.1 and localhost that signs itself.
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
  // Whether read() would return at once: a session ticket, for one, arrives on the socket and is nothing to read.
  bool readable();
  void finish();
  std::string alpn() const;

 private:
  void shake(Deadline deadline);
  // Waits for what OpenSSL wants after `result`; false at the peer's clean end.
  bool wait(int result, Deadline deadline, const char* what);

  int fd_;
  std::unique_ptr<SSL_CTX, SslFree> own_context_;
  std::unique_ptr<SSL, SslFree> ssl_;
};

}  // namespace tenfold::conformance
