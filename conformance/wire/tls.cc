// TLS for the suite: see tls.h.
#include "conformance/wire/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include "conformance/wire/socket.h"

namespace tenfold::conformance {
namespace {

std::string openssl_reason() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "the connection ended";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

bool is_address(const std::string& name) {
  unsigned char octets[sizeof(in6_addr)];
  return inet_pton(AF_INET, name.c_str(), octets) == 1 || inet_pton(AF_INET6, name.c_str(), octets) == 1;
}

// SSL_set_tlsext_host_name() without the old-style cast of its macro.
void set_server_name(SSL* ssl, std::string name) {
  SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
}

void add_extension(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// RFC 7301: the server selects `http/1.1` if it is offered, otherwise nothing.
int choose_http1(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* offered, unsigned size,
                 void*) {
  static constexpr unsigned char http1[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, http1, sizeof http1 - 1, offered, size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

TlsIdentity::TlsIdentity() : context_(SSL_CTX_new(TLS_server_method())) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509* x509 = certificate.get();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), 24L * 3600);
  X509_set_pubkey(x509, key.get());
  X509_NAME* name = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(x509, name);
  add_extension(x509, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(x509, NID_subject_alt_name, "DNS:localhost,DNS:*.localhost,IP:127.0.0.1");
  X509_sign(x509, key.get(), EVP_sha256());
  if (SSL_CTX_use_certificate(context(), x509) != 1 || SSL_CTX_use_PrivateKey(context(), key.get()) != 1) {
    fail("the suite could not make a certificate: " + openssl_reason());
  }
  SSL_CTX_set_alpn_select_cb(context(), choose_http1, nullptr);
}

std::string TlsIdentity::certificate_pem() const {
  const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_X509(out.get(), SSL_CTX_get0_certificate(context()));
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Tls::Tls(int fd, const TlsWish& wish, Deadline deadline) : fd_(fd), own_context_(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX* context = own_context_.get();
  if (wish.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context);
  } else if (SSL_CTX_load_verify_file(context, wish.ca_file.c_str()) != 1) {
    fail(wish.ca_file + ": " + openssl_reason());
  }
  SSL_CTX_set_verify(context, wish.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  ssl_.reset(SSL_new(context));
  if (is_address(wish.name)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), wish.name.c_str());
  } else {
    set_server_name(ssl_.get(), wish.name);
    SSL_set1_host(ssl_.get(), wish.name.c_str());
  }
  const std::string alpn = static_cast<char>(wish.alpn.size()) + wish.alpn;
  SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                      static_cast<unsigned>(alpn.size()));
  SSL_set_fd(ssl_.get(), fd);
  SSL_set_connect_state(ssl_.get());
  shake(deadline);
}

Tls::Tls(int fd, const TlsIdentity& identity, Deadline deadline) : fd_(fd), ssl_(SSL_new(identity.context())) {
  SSL_set_fd(ssl_.get(), fd);
  SSL_set_accept_state(ssl_.get());
  shake(deadline);
}

void Tls::shake(Deadline deadline) {
  SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) return;
    if (!wait(result, deadline, "TLS handshake")) throw Lost("TLS handshake: the peer closed the connection");
  }
}

bool Tls::wait(int result, Deadline deadline, const char* what) {
  pollfd poll_fd{fd_, 0, 0};
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ: poll_fd.events = POLLIN; break;
    case SSL_ERROR_WANT_WRITE: poll_fd.events = POLLOUT; break;
    case SSL_ERROR_ZERO_RETURN: return false;
    default: throw Lost(std::string(what) + ": " + openssl_reason());
  }
  if (poll(&poll_fd, 1, static_cast<int>(left(deadline).count())) == 0) {
    throw Timeout(std::string(what) + ": nothing came in time");
  }
  return true;
}

std::string Tls::read(Deadline deadline, std::size_t most) {
  std::string out(most, '\0');
  for (;;) {
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), out.data(), static_cast<int>(most));
    if (n > 0) {
      out.resize(static_cast<std::size_t>(n));
      return out;
    }
    if (!wait(n, deadline, "reading under TLS")) return {};
  }
}

std::size_t Tls::write_some(std::string_view bytes, Deadline deadline) {
  for (;;) {
    ERR_clear_error();
    const int n = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (n > 0) return static_cast<std::size_t>(n);
    if (!wait(n, deadline, "writing under TLS")) throw Lost("writing under TLS: the peer closed the connection");
  }
}

bool Tls::readable() {
  ERR_clear_error();
  char first = 0;
  const int n = SSL_peek(ssl_.get(), &first, 1);
  return n > 0 || SSL_get_error(ssl_.get(), n) != SSL_ERROR_WANT_READ;
}

void Tls::finish() { SSL_shutdown(ssl_.get()); }

std::string Tls::alpn() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

}  // namespace tenfold::conformance
