// TlsBio: a BIO that connects OpenSSL to the caller's bytes. Reads come from a span that is valid during one call;
// writes are reported as they come, one record or flight each. Unlike a memory BIO it copies neither, and it never
// blocks. Private to tls/.
#pragma once

#include <openssl/bio.h>

#include "base/bytes.h"

namespace tenfold {

struct TlsBio {
  class Output {
   public:
    // Called from inside OpenSSL, which must not be called again from here.
    virtual void on_output(Bytes ciphertext) = 0;

   protected:
    ~Output() = default;
  };

  Bytes input;  // not yet read by OpenSSL
  Output& output;

  // A new BIO that points here; the SSL that gets it owns it.
  BIO* make();
};

}  // namespace tenfold
