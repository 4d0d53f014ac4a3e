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

class VisitorPolicy {
 public:
  // Errors (usage) name what cannot be read.
  static Result<VisitorPolicy> read(const VisitorRules& rules);

  // From what bytes() gave, here or on another replica. Errors (usage) as above.
  static Result<VisitorPolicy> from_bytes(std::string_view bytes);
  const std::string& bytes() const { return bytes_; }

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
  std::string bytes_;  // a control.VisitorPolicy
};

// The credentials of an Authorization field of the scheme Basic; nothing for any other or a malformed one.
std::optional<Credentials> basic_credentials(const http::Fields& fields);

}  // namespace tenfold::broker
