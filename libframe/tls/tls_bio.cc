#include "tls/tls_bio.h"

#include <algorithm>
#include <cstring>

namespace tenfold {
namespace {

TlsBio& of(BIO* bio) { return *static_cast<TlsBio*>(BIO_get_data(bio)); }

int read(BIO* bio, char* out, std::size_t room, std::size_t* taken) {
  Bytes& input = of(bio).input;
  BIO_clear_retry_flags(bio);
  *taken = std::min(room, input.size());
  if (*taken == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(out, input.data(), *taken);
  input = input.subspan(*taken);
  return 1;
}

int write(BIO* bio, const char* data, std::size_t size, std::size_t* taken) {
  BIO_clear_retry_flags(bio);
  of(bio).output.on_output(to_bytes({data, size}));
  *taken = size;
  return 1;
}

long control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;  // all other commands concern files, sockets and filters
}

// Immutable and shared, so created once.
const BIO_METHOD* method() {
  static const BIO_METHOD* const made = [] {
    BIO_METHOD* m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "tenfold");
    BIO_meth_set_read_ex(m, read);
    BIO_meth_set_write_ex(m, write);
    BIO_meth_set_ctrl(m, control);
    return m;
  }();
  return made;
}

}  // namespace

BIO* TlsBio::make() {
  BIO* bio = BIO_new(method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace tenfold
