// TlsContext: files that cannot be used are named, with what is wrong with them.
#include "tls/tls_context.h"

#include <doctest/doctest.h>

#include <string>

#include "support/test_certificate.h"

namespace tenfold {
namespace {

std::string server_error(const std::string& cert, const std::string& key) {
  const auto context = TlsContext::server({cert, key});
  REQUIRE_FALSE(context);
  CHECK(context.error().kind == ErrorKind::usage);
  return context.error().detail;
}

}  // namespace

TEST_CASE("a good certificate with its key is taken") {
  const test::TemporaryDirectory directory;
  for (const bool rsa : {false, true}) {
    const auto files = test::make_certificate(directory.path(), {"a.example"}, {.rsa = rsa});
    CHECK(TlsContext::server({files.cert, files.key}));
    CHECK(TlsContext::client({files.ca}));
  }
  CHECK(TlsContext::client({}));
  CHECK((*TlsContext::client({}))->verifies());
  CHECK_FALSE((*TlsContext::client({.verify = false}))->verifies());
}

TEST_CASE("a file that is not there is named") {
  const test::TemporaryDirectory directory;
  const auto files = test::make_certificate(directory.path(), {"a.example"});
  CHECK(server_error("/nowhere/a.crt", files.key) == "certificate /nowhere/a.crt: no such file or directory");
  CHECK(server_error(files.cert, "/nowhere/a.key") == "key /nowhere/a.key: no such file or directory");
  CHECK(server_error(directory.path(), files.key) == "certificate " + directory.path() + ": is a directory");
  const auto client = TlsContext::client({.ca_file = "/nowhere/ca.crt"});
  REQUIRE_FALSE(client);
  CHECK(client.error().detail == "CA /nowhere/ca.crt: no such file or directory");
}

TEST_CASE("a file that is no certificate, or no key, is named") {
  const test::TemporaryDirectory directory;
  const auto files = test::make_certificate(directory.path(), {"a.example"});
  const std::string junk = directory.write("junk.pem", "hello\n");
  CHECK(server_error(junk, files.key) == "certificate " + junk + ": no certificate in it");
  CHECK(server_error(files.cert, junk) == "key " + junk + ": no key in it");
  CHECK(server_error(files.cert, files.cert) == "key " + files.cert + ": no key in it");
  const auto client = TlsContext::client({.ca_file = junk});
  REQUIRE_FALSE(client);
  CHECK(client.error().detail == "CA " + junk + ": no certificate in it");
}

TEST_CASE("a key that does not fit its certificate is an error that names both") {
  const test::TemporaryDirectory directory;
  const auto one = test::make_certificate(directory.path(), {"a.example"});
  const auto other = test::make_certificate(directory.path(), {"a.example"});
  const auto rsa = test::make_certificate(directory.path(), {"a.example"}, {.rsa = true});
  CHECK(server_error(one.cert, other.key) == "key " + other.key + " does not fit certificate " + one.cert);
  CHECK(server_error(one.cert, rsa.key) == "key " + rsa.key + " does not fit certificate " + one.cert);
}

TEST_CASE("an encrypted key is refused, not asked about on the terminal") {
  const test::TemporaryDirectory directory;
  const auto files = test::make_certificate(directory.path(), {"a.example"});
  const std::string encrypted = test::encrypt_key(files.key);
  CHECK(server_error(files.cert, encrypted) == "key " + encrypted + ": it is encrypted");
}

}  // namespace tenfold
