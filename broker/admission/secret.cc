#include "broker/admission/secret.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace tenfold::broker {

std::string random_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t filled = 0;
  while (filled < size) {
    const ssize_t n = getrandom(bytes.data() + filled, size - filled, 0);
    if (n > 0) filled += static_cast<std::size_t>(n);
    // Without randomness no name or token is safe.
    else if (errno != EINTR)
      std::abort();
  }
  return bytes;
}

bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace tenfold::broker
