#include "base/error.h"

namespace tenfold {

const char* to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::none: return "none";
    case ErrorKind::closed: return "closed";
    case ErrorKind::cancelled: return "cancelled";
    case ErrorKind::refused: return "refused";
    case ErrorKind::timeout: return "timeout";
    case ErrorKind::dns: return "dns";
    case ErrorKind::tls: return "tls";
    case ErrorKind::protocol: return "protocol";
    case ErrorKind::limit: return "limit";
    case ErrorKind::io: return "io";
    case ErrorKind::usage: return "usage";
  }
  return "unknown";
}

std::string describe(const Error& error) {
  std::string text = to_string(error.kind);
  if (!error.detail.empty()) text += ": " + error.detail;
  return text;
}

}  // namespace tenfold
