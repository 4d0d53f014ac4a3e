#include "mux/registration.h"

#include "base/limits.h"
#include "proto/control.pb.h"

namespace tenfold {

Registration read_registration(const control::Register& message) {
  Registration registration{message.name(), message.kind(), message.resume_token(), message.instance(), {}};
  const control::VisitorPolicy& policy = message.policy();
  registration.rules.allow.assign(policy.allow().begin(), policy.allow().end());
  registration.rules.deny.assign(policy.deny().begin(), policy.deny().end());
  for (const control::Login& login : policy.logins()) {
    registration.rules.logins.push_back({login.user(), login.salt(), login.hash()});
  }
  return registration;
}

std::optional<Registration> parse_registration(std::string_view bytes) {
  control::Register message;
  if (bytes.size() > limits::control_message_bytes) return {};
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  return read_registration(message);
}

std::string serialize_registration(const Registration& registration) {
  control::Register message;
  message.set_name(registration.name);
  message.set_kind(registration.kind);
  message.set_resume_token(registration.resume_token);
  message.set_instance(registration.instance);
  for (const std::string& network : registration.rules.allow) message.mutable_policy()->add_allow(network);
  for (const std::string& network : registration.rules.deny) message.mutable_policy()->add_deny(network);
  for (const VisitorLogin& login : registration.rules.logins) {
    control::Login& written = *message.mutable_policy()->add_logins();
    written.set_user(login.user);
    written.set_salt(login.salt);
    written.set_hash(login.hash);
  }
  return message.SerializeAsString();
}

}  // namespace tenfold
