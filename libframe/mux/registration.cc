#include "mux/registration.h"

#include "base/limits.h"
#include "proto/control.pb.h"

namespace tenfold {
namespace {

VisitorRules read_rules(const control::VisitorPolicy& policy) {
  VisitorRules rules;
  rules.allow.assign(policy.allow().begin(), policy.allow().end());
  rules.deny.assign(policy.deny().begin(), policy.deny().end());
  for (const control::Login& login : policy.logins()) {
    rules.logins.push_back({login.user(), login.salt(), login.hash()});
  }
  return rules;
}

void write_rules(const VisitorRules& rules, control::VisitorPolicy& policy) {
  for (const std::string& network : rules.allow) policy.add_allow(network);
  for (const std::string& network : rules.deny) policy.add_deny(network);
  for (const VisitorLogin& login : rules.logins) {
    control::Login& written = *policy.add_logins();
    written.set_user(login.user);
    written.set_salt(login.salt);
    written.set_hash(login.hash);
  }
}

}  // namespace

std::string serialize_rules(const VisitorRules& rules) {
  control::VisitorPolicy policy;
  write_rules(rules, policy);
  return policy.SerializeAsString();
}

std::optional<VisitorRules> parse_rules(std::string_view bytes) {
  control::VisitorPolicy policy;
  if (bytes.size() > limits::control_message_bytes) return {};
  if (!policy.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  return read_rules(policy);
}

Registration read_registration(const control::Register& message) {
  return {message.name(), message.kind(), message.resume_token(), message.instance(), read_rules(message.policy())};
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
  if (!registration.rules.empty()) write_rules(registration.rules, *message.mutable_policy());
  return message.SerializeAsString();
}

}  // namespace tenfold
