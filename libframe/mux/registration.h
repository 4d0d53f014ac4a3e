// Registration: what an agent asks for with a tunnel: the control message Register as a value, whether it came on a
// link or in the handshake's field Tenfold-Register. docs/PROTOCOL.md, "Register".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenfold {

namespace control {
class Register;
}

// A visitor's name and password, as salted hash (tls/password.h).
struct VisitorLogin {
  std::string user;
  std::string salt;
  std::string hash;
};

// Which visitors may come, as the agent says it: networks as text.
struct VisitorRules {
  std::vector<std::string> allow;
  std::vector<std::string> deny;
  std::vector<VisitorLogin> logins;

  bool empty() const { return allow.empty() && deny.empty() && logins.empty(); }
};

struct Registration {
  std::string name;  // empty: any
  std::string kind;  // "http"
  std::string resume_token;
  std::string instance;  // of the agent
  VisitorRules rules;
};

// As the bytes of a control.VisitorPolicy, and back.
std::string serialize_rules(const VisitorRules& rules);
std::optional<VisitorRules> parse_rules(std::string_view bytes);

Registration read_registration(const control::Register& message);

// From the bytes of a Register; nothing when they are none, or more than a control message may have.
std::optional<Registration> parse_registration(std::string_view bytes);
std::string serialize_registration(const Registration& registration);

}  // namespace tenfold
