#include "broker/tunnels/claimant.h"

#include <algorithm>

#include "broker/admission/client_address.h"
#include "broker/admission/token.h"
#include "broker/rules.h"

namespace tenfold::broker {
namespace {

constexpr std::string_view by_instance = "instance:";
constexpr std::string_view by_address = "address:";

bool is_instance(std::string_view text) {
  return text.size() >= rules::instance_least && text.size() <= rules::instance_most &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

}  // namespace

Claimant make_claimant(std::string_view token, std::string_view instance, std::string_view client_ip) {
  Claimant who;
  if (is_instance(instance)) who.instance = instance;
  if (token.empty() && client_ip != unknown_client) who.address = address_group(client_ip);
  if (!token.empty()) {
    who.owner = owner_of_token(token);
  } else if (!who.instance.empty()) {
    who.owner = std::string(by_instance).append(who.instance);
  } else if (!who.address.empty()) {
    who.owner = std::string(by_address).append(who.address);
  }
  return who;
}

Claimant resume_or(const std::optional<Claimant>& former, Claimant fresh) {
  fresh.generation = 0;
  if (!former || (fresh.owner.starts_with(owner_of_token({})) && fresh.owner != former->owner)) return fresh;
  fresh.owner = former->owner;
  fresh.generation = former->generation;
  if (fresh.instance.empty()) fresh.instance = former->instance;
  return fresh;
}

}  // namespace tenfold::broker
