// TlsBio: OpenSSL's door to the bytes around it: reads come from a span that is there for
// the length of one call, writes go straight into a ByteQueue. Neither copies into a buffer of its own, as a
// memory BIO would, and neither ever blocks. Private to tls/.
#pragma once

#include <openssl/bio.h>

#include "base/byte_queue.h"
#include "base/bytes.h"

namespace tenfold {

struct TlsBio {
  Bytes input;  // what OpenSSL has not read yet
  ByteQueue output;

  // A new BIO that points here; the SSL that gets it owns it.
  BIO* make();
};

}  // namespace tenfold
