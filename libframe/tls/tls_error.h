// The one interpreter of what OpenSSL reports: its return codes and its error queue
// as an Error that tells a person what is wrong. Private to tls/.
#pragma once

#include <openssl/ssl.h>

#include <string>

#include "base/bytes.h"
#include "base/error.h"

namespace tenfold {

// What a call on an SSL came to.
enum class TlsOutcome {
  done,
  want_input,  // nothing more to do before more ciphertext arrives
  ended,       // close_notify was read
  failed,      // the connection is over
};
TlsOutcome outcome_of(const SSL* ssl, int returned);

// Why a connection failed; drains the error queue. `refusal`: what the certificate check said,
// if it did. `first`: the first bytes that the peer sent.
Error connection_error(const std::string& refusal, Bytes first);

// What is wrong with a certificate at its check; `host` is the one asked for. Empty when nothing is.
std::string certificate_refusal(X509_STORE_CTX* check, const std::string& host);

// The last error in the queue, as OpenSSL words it; drains the queue.
std::string drain_reason();

}  // namespace tenfold
