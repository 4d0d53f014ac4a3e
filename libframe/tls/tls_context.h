// TlsContext: what many connections share: keys, roots, versions. TLS 1.2 and 1.3, ALPN
// `http/1.1`, RELEASE_BUFFERS so that an idle connection is small. The folder tls/ is the only
// one that includes OpenSSL.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

struct ssl_ctx_st;

namespace tenfold {

struct TlsServerOptions {
  std::string cert_file;  // PEM, the chain
  std::string key_file;   // PEM
};

struct TlsClientOptions {
  std::string ca_file;    // PEM; empty: the system's roots
  bool verify = true;     // --insecure: false
};

class TlsContext {
 public:
  // Errors (usage) name the file and what is wrong with it, the key that does not fit the
  // certificate included.
  static Result<std::shared_ptr<TlsContext>> server(const TlsServerOptions& options);
  static Result<std::shared_ptr<TlsContext>> client(const TlsClientOptions& options);
  ~TlsContext();

  ssl_ctx_st* get() const { return context_; }
  bool verifies() const { return verify_; }

 private:
  TlsContext() = default;
  ssl_ctx_st* context_ = nullptr;
  bool verify_ = false;
};

}  // namespace tenfold
