#include "broker/admission/admission.h"

#include <algorithm>
#include <utility>

#include "broker/admission/client_address.h"
#include "broker/rules.h"

namespace tenfold::broker {

using handshake::Refusal;

Admission::Admission(Runtime& runtime, AdmissionOptions options) : runtime_(runtime), options_(std::move(options)) {}

bool Admission::take_handshake() { return !options_.paced || handshakes_.take(runtime_.now()); }

Admission::Identity Admission::identify(std::string_view secret, Need need) const {
  if (options_.tokens == nullptr) return {};
  if (secret.empty() && need == Need::nothing) return {};
  const Token* token = options_.tokens->find(secret);
  if (token == nullptr) return {Refusal::unauthorized};
  return {Refusal::none, token->name};
}

Refusal Admission::admit(std::string_view client_ip, std::string_view token) {
  if (!token.empty()) return has_room(client_ip, token) ? Refusal::none : Refusal::limit;
  if (is_this_machine(client_ip)) return Refusal::none;
  forget_idle();
  Address& address = addresses_[address_group(client_ip)];
  if (address.tunnels >= options_.tunnels_per_ip) return Refusal::limit;
  if (runtime_.now() - address.window_start >= rules::creates_window) {
    address.window_start = runtime_.now();
    address.creates = 0;
  }
  if (address.creates >= options_.creates_per_ip) return Refusal::rate;
  ++address.creates;
  return Refusal::none;
}

bool Admission::has_room(std::string_view client_ip, std::string_view token) const {
  if (!token.empty()) {
    const Token* rules = options_.tokens == nullptr ? nullptr : options_.tokens->named(token);
    return rules != nullptr && (rules->tunnels == 0 || tunnels_of(token) < rules->tunnels);
  }
  if (is_this_machine(client_ip)) return true;
  const auto found = addresses_.find(address_group(client_ip));
  return found == addresses_.end() || found->second.tunnels < options_.tunnels_per_ip;
}

void Admission::refund(std::string_view client_ip, std::string_view token) {
  if (!token.empty()) return;
  const auto found = addresses_.find(address_group(client_ip));
  if (found == addresses_.end() || found->second.creates == 0) return;
  if (--found->second.creates == 0 && found->second.tunnels == 0) addresses_.erase(found);
}

void Admission::on_tunnel_up(std::string_view client_ip, std::string_view token) {
  if (!token.empty()) {
    ++by_token_[std::string(token)];
  } else {
    ++addresses_[address_group(client_ip)].tunnels;
  }
}

void Admission::on_tunnel_down(std::string_view client_ip, std::string_view token) {
  if (!token.empty()) {
    const auto found = by_token_.find(std::string(token));
    if (found != by_token_.end() && --found->second == 0) by_token_.erase(found);
    return;
  }
  const auto found = addresses_.find(address_group(client_ip));
  if (found == addresses_.end() || found->second.tunnels == 0) return;
  // An address whose attempts do not count (it is this machine) has no other state to keep.
  if (--found->second.tunnels == 0 && found->second.creates == 0) addresses_.erase(found);
}

std::size_t Admission::tunnels_of(std::string_view token) const {
  const auto found = by_token_.find(std::string(token));
  return found == by_token_.end() ? 0 : found->second;
}

// Addresses come from clients: each time their number has doubled, those without tunnels and recent attempts are
// removed.
void Admission::forget_idle() {
  if (addresses_.size() < forget_at_) return;
  std::erase_if(addresses_, [&](const auto& entry) {
    return entry.second.tunnels == 0 && runtime_.now() - entry.second.window_start >= rules::creates_window;
  });
  forget_at_ = std::max<std::size_t>(1024, addresses_.size() * 2);
}

}  // namespace tenfold::broker
