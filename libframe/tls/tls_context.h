// TlsContext: the state that connections share: keys, roots, versions. TLS 1.2 and 1.3, ALPN `http/1.1`,
// RELEASE_BUFFERS so that idle connections are small. Only the folder tls/ includes OpenSSL.
//
// Of peers: TLS 1.3, and each side shows a certificate. Their own authority and one fixed name in the certificate
// decide, since a peer's address is in none.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"

struct ssl_ctx_st;

namespace tenfold {

struct TlsServerOptions {
  std::string cert_file{};                                      // PEM, the chain
  std::string key_file{};                                       // PEM, not encrypted
  std::uint64_t records_per_key = limits::tls_records_per_key;  // after these records our key is renewed
};

struct TlsClientOptions {
  std::string ca_file{};  // PEM; empty: the system's roots
  bool verify = true;     // --insecure: false
  std::uint64_t records_per_key = limits::tls_records_per_key;
};

struct TlsPeerOptions {
  // A DNS name among the certificate's subject alternative names; the common name does not count.
  static constexpr std::string_view name = "tenfold-peer";

  std::string cert_file{};  // PEM, the chain; good for both sides of a connection
  std::string key_file{};   // PEM, not encrypted
  std::string ca_file{};    // PEM: who signs the peers' certificates
  std::uint64_t records_per_key = limits::tls_records_per_key;
};

class TlsContext {
 public:
  // Errors (usage) name the file and the reason, including a key that does not match the certificate.
  static Result<std::shared_ptr<TlsContext>> server(const TlsServerOptions& options);
  static Result<std::shared_ptr<TlsContext>> client(const TlsClientOptions& options);
  // For either side of connections between peers. Errors as above.
  static Result<std::shared_ptr<TlsContext>> peer_server(const TlsPeerOptions& options);
  static Result<std::shared_ptr<TlsContext>> peer_client(const TlsPeerOptions& options);
  ~TlsContext();

  ssl_ctx_st* get() const { return context_; }
  bool verifies() const { return verify_; }
  // Both sides are peers.
  bool is_of_peers() const { return of_peers_; }
  std::uint64_t records_per_key() const { return records_per_key_; }

 private:
  TlsContext() = default;
  static Result<std::shared_ptr<TlsContext>> peer(ssl_ctx_st* context, const TlsPeerOptions& options);

  ssl_ctx_st* context_ = nullptr;
  bool verify_ = false;
  bool of_peers_ = false;
  std::uint64_t records_per_key_ = limits::tls_records_per_key;
};

}  // namespace tenfold
