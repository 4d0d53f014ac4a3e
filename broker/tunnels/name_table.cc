#include "broker/tunnels/name_table.h"

#include <algorithm>
#include <utility>

#include "broker/rules.h"
#include "broker/tunnels/tunnel_name.h"

namespace tenfold::broker {

Result<Claim> NameTable::claim(const ClaimRequest& request) {
  std::string wanted = request.name;
  while (wanted.empty() || (request.name.empty() && entries_.find(wanted) != nullptr)) wanted = random_tunnel_name();

  const Entry* const known = entries_.find(wanted);
  if (known != nullptr && !may_have(*known, request)) return Error{ErrorKind::refused, "the name is taken"};
  const Claim claim{wanted, std::max(next_generation_, request.who.generation + 1)};
  enter(claim, request);
  return claim;
}

void NameTable::enter(const Claim& claim, const ClaimRequest& request) {
  Entry* const known = entries_.find(claim.name);
  Entry& entry = known != nullptr ? *known : entries_.insert(std::make_unique<Entry>(*this, claim.name));
  if (!request.joins && !entry.members.empty()) {
    // A claim that is not attached yet has replaced nobody: those whom it would have replaced stay the former ones.
    std::vector<Member> members = std::exchange(entry.members, {});
    if (entry.former.empty()) entry.former = std::move(members);
  }
  next_generation_ = std::max(next_generation_, claim.generation + 1);
  entry.members.push_back({claim.generation, request.who, request.joins});
  // Claimed but never attached, it is given up like one whose agent went away.
  runtime_.timers.arm_in(entry, rules::claim_unattached);
}

void NameTable::replace(std::string_view name, std::uint64_t generation, std::string_view instance, bool joins,
                        const std::shared_ptr<Tunnel>& successor) {
  Entry* const entry = entries_.find(name);
  if (entry == nullptr) return;
  std::vector<Member> replaced;
  for (std::vector<Member>* members : {&entry->members, &entry->former}) {
    const auto stays = [&](const Member& m) {
      return m.generation >= generation || (joins && (instance.empty() || m.who.instance != instance));
    };
    const auto gone = std::stable_partition(members->begin(), members->end(), stays);
    std::move(gone, members->end(), std::back_inserter(replaced));
    members->erase(gone, members->end());
  }
  if (entry->members.empty()) {
    drop(entry->former);
    runtime_.timers.disarm(*entry);
    entries_.erase(name);
  }
  for (Member& each : replaced) {
    const std::shared_ptr<Tunnel> former = each.tunnel;
    set_tunnel(each, nullptr);
    if (former != nullptr) former->hand_over(successor, !instance.empty() && each.who.instance == instance);
  }
}

std::optional<NameTable::Holder> NameTable::holder_of(const Claim& claim) const {
  const auto [entry, member] = place_of(claim);
  if (entry == nullptr) return {};
  return Holder{member->who, member->joins};
}

std::uint64_t NameTable::generation_of(std::string_view name) const {
  const Entry* const entry = entries_.find(name);
  std::uint64_t highest = 0;
  if (entry == nullptr) return highest;
  for (const std::vector<Member>* members : {&entry->members, &entry->former}) {
    for (const Member& each : *members) highest = std::max(highest, each.generation);
  }
  return highest;
}

bool NameTable::is_free_for(const ClaimRequest& request) const {
  const Entry* const known = entries_.find(request.name);
  return known == nullptr || may_have(*known, request);
}

bool NameTable::may_have(const Entry& entry, const ClaimRequest& request) {
  const auto serves = [](const Member& m) { return m.tunnel != nullptr && m.tunnel->has_agent(); };
  const auto owned = [&](const Member& m) { return !m.who.owner.empty() && m.who.owner == request.who.owner; };
  const auto from_there = [&](const Member& m) {
    return !m.who.address.empty() && m.who.address == request.who.address;
  };
  const auto& members = entry.members;
  const bool is_owner = std::all_of(members.begin(), members.end(), owned);
  if (!is_owner && !std::all_of(members.begin(), members.end(), from_there)) return false;
  const bool away = std::none_of(members.begin(), members.end(), serves) &&
                    std::none_of(entry.former.begin(), entry.former.end(), serves);
  return away || (is_owner && (request.who.proven() || (request.joins && members.front().joins)));
}

void NameTable::give_up(const Claim& claim) {
  const auto [entry, member] = place_of(claim);
  if (entry == nullptr) return;
  const bool former_stand = member->tunnel == nullptr && !entry->former.empty();
  if (!former_stand) return release(claim);
  entry->members = std::exchange(entry->former, {});
  runtime_.timers.arm_in(*entry, rules::name_held);
}

void NameTable::attach(const Claim& claim, const std::shared_ptr<Tunnel>& tunnel,
                       std::shared_ptr<const VisitorPolicy> policy) {
  const auto [entry, member] = place_of(claim);
  if (entry == nullptr) return;
  runtime_.timers.disarm(*entry);
  entry->policy = std::move(policy);
  std::vector<Member> replaced = std::exchange(entry->former, {});
  if (member->tunnel != nullptr) replaced.push_back(*member);
  set_tunnel(*member, tunnel);
  if (member->joins) {
    const Member joined = *member;
    const auto same = std::stable_partition(entry->members.begin(), entry->members.end(),
                                            [&](const Member& m) { return m.generation != joined.who.generation; });
    std::move(same, entry->members.end(), std::back_inserter(replaced));
    entry->members.erase(same, entry->members.end());
  }
  const Claimant who = member->who;
  for (Member& each : replaced) {
    const std::shared_ptr<Tunnel> former = each.tunnel;
    set_tunnel(each, nullptr);
    if (former != nullptr) former->hand_over(tunnel, each.who.same_agent(who));
  }
}

void NameTable::hold(const Claim& claim) {
  if (leave_former(claim)) return;
  const auto [entry, member] = place_of(claim);
  if (entry == nullptr) return;
  drop(entry->former);
  if (entry->members.size() > 1) return remove(*entry, *member);
  set_tunnel(*member, nullptr);
  runtime_.timers.arm_in(*entry, rules::name_held);
}

void NameTable::release(const Claim& claim) {
  if (leave_former(claim)) return;
  const auto [entry, member] = place_of(claim);
  if (entry == nullptr) return;
  drop(entry->former);
  if (entry->members.size() > 1) return remove(*entry, *member);
  set_tunnel(*member, nullptr);
  entries_.erase(claim.name);
}

std::vector<std::shared_ptr<Tunnel>> NameTable::tunnels_of(std::string_view name) const {
  std::vector<std::shared_ptr<Tunnel>> found;
  const Entry* entry = entries_.find(name);
  if (entry == nullptr) return found;
  for (const std::vector<Member>* members : {&entry->members, &entry->former}) {
    for (const Member& member : *members) {
      if (member.tunnel != nullptr) found.push_back(member.tunnel);
    }
  }
  return found;
}

bool NameTable::forget(std::string_view name) {
  Entry* entry = entries_.find(name);
  if (entry == nullptr) return false;
  drop(entry->former);
  drop(entry->members);
  entries_.erase(name);
  return true;
}

// One that is about to be replaced goes by itself.
bool NameTable::leave_former(const Claim& claim) {
  Entry* entry = entries_.find(claim.name);
  if (entry == nullptr) return false;
  const auto found = std::find_if(entry->former.begin(), entry->former.end(),
                                  [&](const Member& m) { return m.generation == claim.generation; });
  if (found == entry->former.end()) return false;
  set_tunnel(*found, nullptr);
  return true;
}

NameTable::Found NameTable::find(std::string_view name) {
  Entry* entry = entries_.find(name);
  if (entry == nullptr) return {};
  const std::shared_ptr<Tunnel>* tunnel = next_tunnel(*entry);
  return {tunnel == nullptr ? State::away : State::here, tunnel == nullptr ? nullptr : *tunnel, entry->policy};
}

// Null: all are away.
const std::shared_ptr<Tunnel>* NameTable::next_tunnel(Entry& entry) {
  const std::size_t size = entry.members.size();
  for (std::size_t i = 0; i < size; ++i) {
    const Member& member = entry.members[size == 1 ? 0 : entry.turn++ % size];
    if (member.tunnel != nullptr) return &member.tunnel;
  }
  for (const Member& member : entry.former) {
    if (member.tunnel != nullptr) return &member.tunnel;
  }
  return nullptr;
}

NameTable::Place NameTable::place_of(const Claim& claim) const {
  Entry* entry = entries_.find(claim.name);
  if (entry == nullptr) return {nullptr, nullptr};
  const auto found = std::find_if(entry->members.begin(), entry->members.end(),
                                  [&](const Member& m) { return m.generation == claim.generation; });
  if (found == entry->members.end()) return {nullptr, nullptr};
  return {entry, &*found};
}

void NameTable::set_tunnel(Member& member, std::shared_ptr<Tunnel> tunnel) {
  here_ += static_cast<std::size_t>(tunnel != nullptr);
  here_ -= static_cast<std::size_t>(member.tunnel != nullptr);
  member.tunnel = std::move(tunnel);
}

void NameTable::drop(std::vector<Member>& members) {
  for (Member& member : members) set_tunnel(member, nullptr);
  members.clear();
}

void NameTable::remove(Entry& entry, Member& member) {
  set_tunnel(member, nullptr);
  entry.members.erase(entry.members.begin() + (&member - entry.members.data()));
}

// A claim that was never attached, or a name whose owner has not come back.
void NameTable::Entry::on_timer() {
  const auto stands = [](const Member& m) { return m.tunnel != nullptr; };
  const Claim claim{name, members.back().generation};
  if (std::any_of(former.begin(), former.end(), stands)) return table.give_up(claim);
  if (std::none_of(members.begin(), members.end(), stands)) table.release(claim);
}

}  // namespace tenfold::broker
