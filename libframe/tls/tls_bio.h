// TlsBio: OpenSSL's door to the bytes around it: reads come from a span that is there for
// the length of one call, writes are told as they come, a record or a flight each. Neither copies into a buffer of its
// own, as a memory BIO would, and neither ever blocks. Private to tls/.
#pragma once

#include <openssl/bio.h>

#include "base/bytes.h"

namespace tenfold {

struct TlsBio {
  class Output {
   public:
    // From inside a call into OpenSSL, which must not be called again from here.
    virtual void on_output(Bytes ciphertext) = 0;

   protected:
    ~Output() = default;
  };

  Bytes input;  // what OpenSSL has not read yet
  Output& output;

  // A new BIO that points here; the SSL that gets it owns it.
  BIO* make();
};

}  // namespace tenfold
