#include "support/test_certificate.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>

namespace tenfold::test {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;
using File = std::unique_ptr<std::FILE, Free>;

constexpr long day = 24L * 60 * 60;

Key make_key(bool rsa) {
  Key key(rsa ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})
              : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (key == nullptr) throw std::runtime_error("no key could be made");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) throw std::runtime_error("bad extension: " + value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate make_body(const std::string& common_name, EVP_PKEY* key, bool expired) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  static long serial = 1;  // an authority must not use a serial number twice
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), expired ? -2 * day : -day);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), expired ? -day : day);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(common_name.c_str()),
                             -1, -1, 0);
  X509_set_pubkey(certificate.get(), key);
  return certificate;
}

std::string alternative_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    in6_addr address;
    const bool ip = inet_pton(AF_INET, name.c_str(), &address) == 1 || inet_pton(AF_INET6, name.c_str(), &address) == 1;
    out += (out.empty() ? "" : ",") + std::string(ip ? "IP:" : "DNS:") + name;
  }
  return out;
}

std::string write_certificate(const std::string& path, X509* certificate) {
  const File file(std::fopen(path.c_str(), "w"));
  PEM_write_X509(file.get(), certificate);
  return path;
}

std::string write_key(const std::string& path, EVP_PKEY* key) {
  const File file(std::fopen(path.c_str(), "w"));
  PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return path;
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "tenfold-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory: " + name);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::write(const std::string& name, const std::string& content) const {
  const std::string path = path_ + "/" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

CertificateFiles make_certificate(const std::string& directory, const std::vector<std::string>& names,
                                  const CertificateOptions& options) {
  const Key ca_key = make_key(false);
  static int made = 0;
  const int number = made++;
  const Certificate ca = make_body("Tenfold test authority " + std::to_string(number), ca_key.get(), false);
  X509_set_issuer_name(ca.get(), X509_get_subject_name(ca.get()));
  add_extension(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(ca.get(), ca.get(), NID_subject_key_identifier, "hash");
  X509_sign(ca.get(), ca_key.get(), EVP_sha256());

  const Key key = make_key(options.rsa);
  const Certificate leaf = make_body(names.front(), key.get(), options.expired);
  X509* issuer = options.self_signed ? leaf.get() : ca.get();
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(issuer));
  add_extension(leaf.get(), issuer, NID_subject_alt_name, alternative_names(names));
  X509_sign(leaf.get(), options.self_signed ? key.get() : ca_key.get(), EVP_sha256());

  const std::string stem = directory + "/" + std::to_string(number);
  return {write_certificate(stem + ".crt", leaf.get()), write_key(stem + ".key", key.get()),
          write_certificate(stem + "-ca.crt", ca.get())};
}

std::string encrypt_key(const std::string& path) {
  const File from(std::fopen(path.c_str(), "r"));
  const Key key(PEM_read_PrivateKey(from.get(), nullptr, nullptr, nullptr));
  const std::string encrypted = path + ".encrypted";
  const File to(std::fopen(encrypted.c_str(), "w"));
  const unsigned char passphrase[] = {'s', 'e', 's', 'a', 'm', 'e'};
  PEM_write_PrivateKey(to.get(), key.get(), EVP_aes_128_cbc(), passphrase, sizeof passphrase, nullptr, nullptr);
  return encrypted;
}

}  // namespace tenfold::test
