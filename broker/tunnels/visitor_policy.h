// VisitorPolicy: which visitors a tunnel lets in. A value that comes with the tunnel's registration, stands beside it
// in the registry, and is checked at the desk before anything of a request reaches the app.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "broker/admission/network_list.h"
#include "http/head.h"
#include "mux/registration.h"

namespace tenfold::broker {

// A name and a password, as a visitor shows them: RFC 7617.
struct Credentials {
  std::string user;
  std::string password;
};

// Of a policy's bytes; 0 of none. The same on each replica.
std::uint64_t policy_version_of(std::string_view policy);

class VisitorPolicy {
 public:
  // Errors (usage) name what cannot be read.
  static Result<VisitorPolicy> read(const VisitorRules& rules);
  // From control.VisitorPolicy's bytes, which are kept as they are.
  static Result<VisitorPolicy> read_bytes(std::string bytes);

  // As control.VisitorPolicy's bytes: what replicas share.
  const std::string& rules_bytes() const { return rules_bytes_; }
  std::uint64_t version() const { return version_; }

  // Whether a visitor from there is let in at all: by no network of `deny`, and by one of `allow` if there are any. An
  // address that is none ("unknown") is only let in where neither says anything.
  bool lets_in(std::string_view client_ip) const;

  bool wants_login() const { return !logins_.empty(); }
  // Whose password is to be checked; null: nobody's of that name.
  const VisitorLogin* login_of(std::string_view user) const;

 private:
  NetworkList allow_;
  NetworkList deny_;
  std::vector<VisitorLogin> logins_;
  std::string rules_bytes_;
  std::uint64_t version_ = 0;  // of these
};

// Null: everybody may come, version 0.
inline std::uint64_t policy_version(const VisitorPolicy* policy) { return policy == nullptr ? 0 : policy->version(); }

// The credentials of an Authorization field of the scheme Basic; nothing for any other or a malformed one.
std::optional<Credentials> basic_credentials(const http::Fields& fields);

}  // namespace tenfold::broker
