#include "tls/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/log.h"
#include "tls/tls_error.h"

namespace tenfold {
namespace {

// RFC 7301 3.1: each name after its length.
constexpr unsigned char http1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

// RFC 9325 4.2: with TLS 1.2 only AEAD suites with an ephemeral key exchange.
constexpr const char* tls12_ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

Error bad_file(const char* what, const std::string& path, const std::string& why) {
  return {ErrorKind::usage, std::string(what) + " " + printable(path) + ": " + why};
}

// Empty if the file can be read, otherwise the reason.
std::string unreadable(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), std::fclose);
  if (file == nullptr || (std::fgetc(file.get()) == EOF && std::ferror(file.get()) != 0)) return system_reason(errno);
  return {};
}

// Selects http/1.1 if the peer offers it. A peer that offers other protocols, or none, continues without ALPN: an agent
// with an old library still gets its link.
int select_alpn(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* offered,
                unsigned int offered_length, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_length, http1, sizeof http1, offered, offered_length) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// An encrypted key is an error; OpenSSL must not prompt on the terminal. Sets `asked`.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

// The reason that a PEM file yielded no certificate. The queue's first error is the innermost one.
std::string why_no_certificate() {
  const unsigned long code = ERR_peek_error();
  const int reason = ERR_GET_REASON(code);
  const std::string words = drain_reason();
  const bool none = (ERR_GET_LIB(code) == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE) ||
                    (ERR_GET_LIB(code) == ERR_LIB_X509 && reason == X509_R_NO_CERTIFICATE_OR_CRL_FOUND);
  return none ? "no certificate in it" : words;
}

// Loads the key for the certificate of `context`.
Error use_key(SSL_CTX* context, const std::string& cert_file, const std::string& key_file) {
  const X509* certificate = SSL_CTX_get0_certificate(context);
  bool encrypted = false;
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  SSL_CTX_set_default_passwd_cb_userdata(context, &encrypted);
  const bool taken = SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb(context, nullptr);
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  // OpenSSL accepts a key of another type than the certificate's without an error, for a certificate that may follow.
  if (taken && X509_check_private_key(certificate, SSL_CTX_get0_privatekey(context)) == 1) return {};
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (encrypted) return bad_file("key", key_file, "it is encrypted");
  if (ERR_GET_LIB(code) != ERR_LIB_X509) return bad_file("key", key_file, "no key in it");
  return {ErrorKind::usage, "key " + printable(key_file) + " does not fit certificate " + printable(cert_file)};
}

// Loads the chain, and the key for it.
Error use_certificate(SSL_CTX* context, const std::string& cert_file, const std::string& key_file) {
  for (const auto& [what, path] : {std::pair{"certificate", cert_file}, std::pair{"key", key_file}}) {
    if (const std::string why = unreadable(path); !why.empty()) return bad_file(what, path, why);
  }
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, cert_file.c_str()) != 1) {
    return bad_file("certificate", cert_file, why_no_certificate());
  }
  return use_key(context, cert_file, key_file);
}

Error use_authority(SSL_CTX* context, const std::string& ca_file) {
  if (const std::string why = unreadable(ca_file); !why.empty()) return bad_file("CA", ca_file, why);
  ERR_clear_error();
  if (SSL_CTX_load_verify_file(context, ca_file.c_str()) == 1) return {};
  return bad_file("CA", ca_file, why_no_certificate());
}

void set_common(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, tls12_ciphers);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Idle connections free their record buffers.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

Result<std::shared_ptr<TlsContext>> TlsContext::server(const TlsServerOptions& options) {
  const std::shared_ptr<TlsContext> made(new TlsContext);
  SSL_CTX* context = made->context_ = SSL_CTX_new(TLS_server_method());
  made->records_per_key_ = options.records_per_key;
  set_common(context);
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_alpn_select_cb(context, select_alpn, nullptr);
  // One stateless ticket: a returning browser needs no new signature, and the server stores nothing for it.
  SSL_CTX_set_num_tickets(context, 1);
  if (Error error = use_certificate(context, options.cert_file, options.key_file)) return error;
  return made;
}

Result<std::shared_ptr<TlsContext>> TlsContext::client(const TlsClientOptions& options) {
  const std::shared_ptr<TlsContext> made(new TlsContext);
  SSL_CTX* context = made->context_ = SSL_CTX_new(TLS_client_method());
  made->records_per_key_ = options.records_per_key;
  made->verify_ = options.verify;
  set_common(context);
  SSL_CTX_set_alpn_protos(context, http1, sizeof http1);
  if (options.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
    return made;
  }
  if (Error error = use_authority(context, options.ca_file)) return error;
  return made;
}

Result<std::shared_ptr<TlsContext>> TlsContext::peer_server(const TlsPeerOptions& options) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_alpn_select_cb(context, select_alpn, nullptr);
  // A peer link is kept, and its peer's certificate is checked each time.
  SSL_CTX_set_num_tickets(context, 0);
  return peer(context, options);
}

Result<std::shared_ptr<TlsContext>> TlsContext::peer_client(const TlsPeerOptions& options) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_alpn_protos(context, http1, sizeof http1);
  return peer(context, options);
}

Result<std::shared_ptr<TlsContext>> TlsContext::peer(SSL_CTX* context, const TlsPeerOptions& options) {
  const std::shared_ptr<TlsContext> made(new TlsContext);
  made->context_ = context;
  made->records_per_key_ = options.records_per_key;
  made->verify_ = true;
  made->of_peers_ = true;
  set_common(context);
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  if (Error error = use_certificate(context, options.cert_file, options.key_file)) return error;
  if (Error error = use_authority(context, options.ca_file)) return error;
  return made;
}

}  // namespace tenfold
