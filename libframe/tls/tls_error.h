// Translates OpenSSL's return codes and error queue into an Error with a readable reason. The only place that does so.
// Private to tls/.
#pragma once

#include <openssl/ssl.h>

#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace tenfold {

// The result of a call on an SSL.
enum class TlsOutcome {
  done,
  want_input,  // more ciphertext is needed
  ended,       // close_notify was read
  failed,      // the connection is over
};
TlsOutcome outcome_of(const SSL* ssl, int returned);

// The reason that a connection failed; drains the error queue. `refusal`: the result of the certificate check, if it
// failed. `first`: the peer's first bytes.
Error connection_error(const std::string& refusal, Bytes first);

// The fault that the check found in a certificate; `host` is the one asked for. Empty if there is none.
std::string certificate_refusal(X509_STORE_CTX* check, const std::string& host);

// OpenSSL's text for the last error in the queue; drains the queue.
std::string drain_reason();

}  // namespace tenfold
