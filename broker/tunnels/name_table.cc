#include "broker/tunnels/name_table.h"

#include <cassert>
#include <utility>

#include "base/limits.h"
#include "broker/admission/secret.h"
#include "broker/tunnels/tunnel_name.h"

namespace tenfold::broker {

Result<Claim> NameTable::claim(const ClaimRequest& request) {
  const auto& [name, proof, owner] = request;
  std::string wanted(name);
  while (wanted.empty() || (name.empty() && entries_.find(wanted) != nullptr)) wanted = random_tunnel_name();

  Entry* const known = entries_.find(wanted);
  if (known != nullptr && !may_have(*known, proof, owner)) return Error{ErrorKind::refused, "the name is taken"};
  Entry& entry = known != nullptr ? *known : entries_.insert(std::make_unique<Entry>(*this, wanted));
  if (known != nullptr) entry.former = std::move(entry.holder);
  entry.holder = {next_generation_++, proof, owner};
  // Claimed but never attached, it is given up like one whose agent went away.
  runtime_.timers.arm_in(entry, limits::name_held);
  return Claim{wanted, entry.holder.generation};
}

bool NameTable::may_have(const Entry& entry, std::string_view proof, std::string_view owner) {
  if (is_proof(entry, proof)) return true;
  const bool away = entry.tunnel == nullptr || !entry.tunnel->has_agent();
  return away && !entry.holder.owner.empty() && entry.holder.owner == owner;
}

bool NameTable::is_proof(const Entry& entry, std::string_view proof) {
  return !entry.holder.proof.empty() && same_secret(entry.holder.proof, proof);
}

bool NameTable::proves(std::string_view name, std::string_view proof) const {
  const Entry* found = entries_.find(name);
  return found != nullptr && is_proof(*found, proof);
}

void NameTable::give_up(const Claim& claim) {
  Entry* entry = current(claim);
  if (entry == nullptr) return;
  if (!entry->former) return release(claim);
  entry->holder = *std::exchange(entry->former, std::nullopt);
}

void NameTable::attach(const Claim& claim, std::shared_ptr<Tunnel> tunnel) {
  Entry* entry = current(claim);
  if (entry == nullptr) return;
  runtime_.timers.disarm(*entry);
  entry->former.reset();
  const std::shared_ptr<Tunnel> former = entry->tunnel;
  set_tunnel(*entry, tunnel);
  if (former != nullptr) former->hand_over(std::move(tunnel));
}

void NameTable::hold(const Claim& claim) {
  Entry* entry = current(claim);
  if (entry == nullptr) return;
  entry->former.reset();
  set_tunnel(*entry, nullptr);
  runtime_.timers.arm_in(*entry, limits::name_held);
}

void NameTable::release(const Claim& claim) {
  Entry* entry = current(claim);
  if (entry == nullptr) return;
  set_tunnel(*entry, nullptr);
  entries_.erase(claim.name);
}

NameTable::Found NameTable::find(std::string_view name, std::string_view proof) const {
  const Entry* found = entries_.find(name);
  if (found == nullptr) return {};
  return {found->tunnel == nullptr ? State::away : State::here, found->tunnel,
          !proof.empty() && is_proof(*found, proof)};
}

NameTable::Entry* NameTable::current(const Claim& claim) {
  Entry* found = entries_.find(claim.name);
  return found != nullptr && found->holder.generation == claim.generation ? found : nullptr;
}

void NameTable::set_tunnel(Entry& entry, std::shared_ptr<Tunnel> tunnel) {
  here_ += static_cast<std::size_t>(tunnel != nullptr);
  here_ -= static_cast<std::size_t>(entry.tunnel != nullptr);
  entry.tunnel = std::move(tunnel);
}

void NameTable::Entry::on_timer() {
  const Claim claim{name, holder.generation};
  if (tunnel == nullptr) registry.release(claim);
}

}  // namespace tenfold::broker
