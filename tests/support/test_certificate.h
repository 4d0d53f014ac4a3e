// Generated certificates for tests: an authority, and what it signs.
//
//   TemporaryDirectory dir;
//   const CertificateFiles files = make_certificate(dir.path(), {"broker.example", "127.0.0.1"});
//   TlsContext::server({files.cert, files.key}); TlsContext::client({files.ca});
#pragma once

#include <string>
#include <vector>

namespace tenfold::test {

// A folder that is removed with its files at the end of the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  // Writes a file in it and returns its path.
  std::string write(const std::string& name, const std::string& content) const;

 private:
  std::string path_;
};

struct CertificateFiles {
  std::string cert;  // PEM paths
  std::string key;
  std::string ca;
};

struct CertificateOptions {
  bool expired = false;      // since yesterday
  bool self_signed = false;  // `ca` then names an authority that did not sign it
  bool rsa = false;          // 2048 bits; else P-256
};

// IPs in `names` become IP names. Each call makes its own files, and its own authority.
CertificateFiles make_certificate(const std::string& directory, const std::vector<std::string>& names,
                                  const CertificateOptions& options = {});

// Encrypts the key with a passphrase into a file beside it; returns its path.
std::string encrypt_key(const std::string& path);

}  // namespace tenfold::test
