#include "broker/admission/token.h"

#include <algorithm>

#include "base/base64.h"
#include "broker/admission/name_glob.h"
#include "broker/admission/secret.h"
#include "tls/password.h"

namespace tenfold::broker {

bool Token::may_have(std::string_view tunnel_name) const {
  return names.empty() ||
         std::any_of(names.begin(), names.end(), [&](const std::string& glob) { return fits_glob(glob, tunnel_name); });
}

bool Token::may_make(std::string_view kind) const {
  return kinds.empty() || std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

std::string new_secret() {
  constexpr std::size_t bytes = 32;
  return std::string(secret_prefix) + encode_base64url(random_bytes(bytes));
}

std::string hash_of_secret(std::string_view secret) { return plain_hash(secret); }

std::string owner_of_token(std::string_view name) { return "token:" + std::string(name); }

bool is_token_name(std::string_view name) {
  constexpr std::size_t most = 64;
  return !name.empty() && name.size() <= most && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
}

}  // namespace tenfold::broker
