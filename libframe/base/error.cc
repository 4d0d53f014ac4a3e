#include "base/error.h"

#include <cctype>
#include <system_error>

namespace tenfold {

const char* to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::none: return "none";
    case ErrorKind::closed: return "closed";
    case ErrorKind::cancelled: return "cancelled";
    case ErrorKind::refused: return "refused";
    case ErrorKind::unbegun: return "unbegun";
    case ErrorKind::timeout: return "timeout";
    case ErrorKind::dns: return "dns";
    case ErrorKind::tls: return "tls";
    case ErrorKind::protocol: return "protocol";
    case ErrorKind::limit: return "limit";
    case ErrorKind::silent: return "silent";
    case ErrorKind::absent: return "absent";
    case ErrorKind::unauthorized: return "unauthorized";
    case ErrorKind::denied: return "denied";
    case ErrorKind::loop: return "loop";
    case ErrorKind::io: return "io";
    case ErrorKind::usage: return "usage";
  }
  return "unknown";
}

const char* to_string(Origin origin) {
  switch (origin) {
    case Origin::none: return "none";
    case Origin::visitor: return "visitor";
    case Origin::broker: return "broker";
    case Origin::link: return "link";
    case Origin::agent: return "agent";
    case Origin::app: return "app";
    case Origin::registry: return "registry";
    case Origin::peer: return "peer";
  }
  return "unknown";
}

std::string describe(const Error& error) {
  std::string text = to_string(error.kind);
  if (!error.detail.empty()) text += ": " + error.detail;
  return text;
}

std::string system_reason(int number) {
  std::string text = std::generic_category().message(number);
  if (!text.empty()) text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

}  // namespace tenfold
