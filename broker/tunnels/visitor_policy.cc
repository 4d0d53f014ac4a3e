#include "broker/tunnels/visitor_policy.h"

#include <algorithm>

#include "base/base64.h"
#include "broker/admission/client_address.h"

namespace tenfold::broker {

Result<VisitorPolicy> VisitorPolicy::read(const VisitorRules& rules) {
  VisitorPolicy policy;
  for (const std::string& network : rules.allow) {
    if (const Error error = policy.allow_.add(network)) return error;
  }
  for (const std::string& network : rules.deny) {
    if (const Error error = policy.deny_.add(network)) return error;
  }
  for (const VisitorLogin& login : rules.logins) {
    // RFC 7617 2: a user-id has no colon.
    if (login.user.empty() || login.user.find(':') != std::string::npos || login.salt.empty() || login.hash.empty()) {
      return Error{ErrorKind::usage, "not a login: " + login.user};
    }
    policy.logins_.push_back(login);
  }
  policy.bytes_ = serialize_rules(rules);
  return policy;
}

Result<VisitorPolicy> VisitorPolicy::from_bytes(std::string_view bytes) {
  const std::optional<VisitorRules> rules = parse_rules(bytes);
  if (!rules) return Error{ErrorKind::usage, "not the rules of a tunnel"};
  return read(*rules);
}

bool VisitorPolicy::lets_in(std::string_view client_ip) const {
  if (allow_.empty() && deny_.empty()) return true;
  const std::optional<AddressBytes> address = parse_address(client_ip);
  if (!address || deny_.contains(*address)) return false;
  return allow_.empty() || allow_.contains(*address);
}

const VisitorLogin* VisitorPolicy::login_of(std::string_view user) const {
  const auto found =
      std::find_if(logins_.begin(), logins_.end(), [&](const VisitorLogin& login) { return login.user == user; });
  return found == logins_.end() ? nullptr : &*found;
}

std::optional<Credentials> basic_credentials(const http::Fields& fields) {
  const http::Field* field = http::find(fields, "Authorization");
  constexpr std::string_view scheme = "Basic ";
  if (field == nullptr || field->value.size() <= scheme.size() ||
      !http::equal_nocase(field->value.substr(0, scheme.size()), scheme)) {
    return {};
  }
  const std::optional<std::string> pair = decode_base64(http::trim_blanks(field->value.substr(scheme.size())));
  const std::size_t colon = pair ? pair->find(':') : std::string::npos;
  if (colon == std::string::npos) return {};
  return Credentials{pair->substr(0, colon), pair->substr(colon + 1)};
}

}  // namespace tenfold::broker
