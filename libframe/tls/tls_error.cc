#include "tls/tls_error.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <string_view>

#include "base/log.h"

namespace tenfold {
namespace {

constexpr std::size_t names_shown = 3;  // of a certificate for another host

struct FreeNames {
  void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
};

std::string ip_text(const ASN1_OCTET_STRING* ip) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ASN1_STRING_length(ip) == 4 ? AF_INET : ASN1_STRING_length(ip) == 16 ? AF_INET6 : AF_UNSPEC;
  if (inet_ntop(family, ASN1_STRING_get0_data(ip), text.data(), text.size()) == nullptr) return "no IP";
  return text.data();
}

std::string_view view(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// The hosts of a certificate: its subject alternative names (RFC 9525 section 2: the common name is no longer used).
std::string names_of(const X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names.get());
  std::string out;
  std::size_t shown = 0;
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
    if (shown == names_shown) return out + ", ...";
    if (shown++ != 0) out += ", ";
    out += name->type == GEN_DNS ? printable(view(name->d.dNSName), 253) : ip_text(name->d.iPAddress);
  }
  return shown == 0 ? "no name" : out;
}

bool speaks_http(Bytes first) {
  const std::string_view text = to_text(first);
  for (const std::string_view start :
       {"HTTP/", "GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "CONNECT ", "PATCH ", "PRI * HTTP"}) {
    if (!text.empty() && start.starts_with(text.substr(0, start.size()))) return true;
  }
  return false;
}

// RFC 8446 5.1: a record starts with its type, change_cipher_spec(20) to application_data(23).
bool speaks_tls(Bytes first) { return first.empty() || (first[0] >= 20 && first[0] <= 23); }

}  // namespace

TlsOutcome outcome_of(const SSL* ssl, int returned) {
  if (returned > 0) return TlsOutcome::done;
  switch (SSL_get_error(ssl, returned)) {
    case SSL_ERROR_WANT_READ: return TlsOutcome::want_input;
    case SSL_ERROR_ZERO_RETURN: return TlsOutcome::ended;
    default: return TlsOutcome::failed;
  }
}

Error connection_error(const std::string& refusal, Bytes first) {
  const unsigned long code = ERR_peek_last_error();
  const int reason = ERR_GET_REASON(code);
  const bool from_tls = ERR_GET_LIB(code) == ERR_LIB_SSL;
  const std::string words = drain_reason();
  if (!refusal.empty()) return {ErrorKind::tls, refusal};
  if (!speaks_tls(first)) {
    return {ErrorKind::tls,
            speaks_http(first) ? "not TLS: the peer speaks plain HTTP" : "not TLS: the peer speaks something else"};
  }
  if (from_tls && reason > SSL_AD_REASON_OFFSET) {
    return {ErrorKind::tls,
            std::string("the peer refused: ") + SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET)};
  }
  return {ErrorKind::tls, words};
}

std::string certificate_refusal(X509_STORE_CTX* check, const std::string& host) {
  const int error = X509_STORE_CTX_get_error(check);
  if (error == X509_V_OK) return {};
  if (error == X509_V_ERR_HOSTNAME_MISMATCH || error == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    return "certificate is for " + names_of(X509_STORE_CTX_get0_cert(check)) + ", not " + host;
  }
  return std::string("certificate verify failed: ") + X509_verify_cert_error_string(error) + " (" + host + ")";
}

std::string drain_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown failure";
  if (ERR_SYSTEM_ERROR(code)) return system_reason(ERR_GET_REASON(code));
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

}  // namespace tenfold
