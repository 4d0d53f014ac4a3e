#include "broker/cluster/name_record.h"

#include <algorithm>
#include <utility>

namespace tenfold::broker {
namespace {

using cluster::Event;
using cluster::Member;
using cluster::Name;
using Members = google::protobuf::RepeatedPtrField<Member>;
using Verdict = NameEdit::Verdict;
using State = ReplicaView::State;

constexpr std::uint32_t version = 1;

ReplicaId replica_of(const Member& member) { return {member.replica(), member.epoch()}; }

State state_of(const Member& member, const NamePlace& here) {
  const ReplicaId replica = replica_of(member);
  if (replica == here.self) return State::alive;
  const State state = here.replicas.state_of(replica, here.now);
  return state == State::unknown ? State::alive : state;
}

bool lives(const Member& member, const NamePlace& here) { return state_of(member, here) == State::alive; }

bool is_ours(const Member& member, std::uint64_t generation, const NamePlace& here) {
  return member.generation() == generation && replica_of(member) == here.self;
}

template <typename Condition>
bool any(const Members& members, Condition condition) {
  return std::any_of(members.begin(), members.end(), condition);
}

template <typename Condition>
bool drop(Members& members, Condition condition) {
  const auto kept = std::remove_if(members.begin(), members.end(), condition);
  const bool dropped = kept != members.end();
  members.erase(kept, members.end());
  return dropped;
}

void drop_gone(Members& members, const NamePlace& here) {
  drop(members, [&](const Member& m) { return state_of(m, here) == State::gone; });
}

Member make_member(std::uint64_t generation, std::string_view instance, bool joins, const NamePlace& here) {
  Member member;
  member.set_replica(here.self.id);
  member.set_epoch(here.self.epoch);
  member.set_generation(generation);
  member.set_instance(std::string(instance));
  member.set_joins(joins);
  return member;
}

Event make_event(Event::Kind kind, std::string_view name, const Member& member) {
  Event event;
  event.set_version(version);
  event.set_name(std::string(name));
  event.set_kind(kind);
  event.set_replica(member.replica());
  event.set_epoch(member.epoch());
  event.set_generation(member.generation());
  event.set_instance(member.instance());
  event.set_joins(member.joins());
  return event;
}

NameEdit write(Name value, Duration keep) {
  value.set_version(version);
  NameEdit edit{Verdict::write};
  edit.bytes = value.SerializeAsString();
  edit.keep = keep;
  return edit;
}

// The record without what is gone; one that nobody has any more is empty.
Name without_gone(const NameRecord& record, const NamePlace& here) {
  Name value = record.value;
  if (value.members().empty() && value.claims().empty()) return value;
  drop_gone(*value.mutable_members(), here);
  drop_gone(*value.mutable_claims(), here);
  if (!value.members().empty() || !value.claims().empty() || value.banned()) return value;
  Name empty;
  empty.set_generation(value.generation());
  return empty;
}

// Somebody has it: a member or a claim, dead ones too, or the reservation after the last one.
bool is_had(const Name& value) { return value.held() || !value.members().empty() || !value.claims().empty(); }

bool may_have(const Name& value, const NameRequest& request, const NamePlace& here) {
  if (!is_had(value)) return true;
  const bool owned = !request.owner.empty() && request.owner == value.owner();
  const auto same_instance = [&](const Member& m) {
    return !request.instance.empty() && m.instance() == request.instance;
  };
  if (request.token_generation != 0 &&
      (owned || any(value.members(), same_instance) || any(value.claims(), same_instance))) {
    return true;
  }
  // An agent that was started again somewhere without a state of its own is known by its address, which proves nothing:
  // it gets a name back that no tunnel has.
  const bool from_there = !request.address.empty() && request.address == value.address();
  if (!owned && !from_there) return false;
  if (owned && request.owner_proves) return true;
  if (!any(value.members(), [&](const Member& m) { return lives(m, here); })) return true;
  return owned && request.joins && value.members(0).joins();
}

}  // namespace

NameRecord NameRecord::read(std::string bytes) {
  NameRecord record;
  record.bytes = std::move(bytes);
  if (record.bytes.empty()) return record;
  if (!record.value.ParseFromString(record.bytes) || record.value.version() == 0) {
    record.kind = Kind::garbage;
  } else {
    record.kind = record.value.version() > version ? Kind::newer : Kind::known;
  }
  if (record.kind != Kind::known) record.value.Clear();
  return record;
}

std::vector<ReplicaId> unknown_replicas(const NameRecord& record, const NamePlace& here) {
  std::vector<ReplicaId> unknown;
  for (const Members* members : {&record.value.members(), &record.value.claims()}) {
    for (const Member& member : *members) {
      ReplicaId replica = replica_of(member);
      if (replica == here.self || here.replicas.state_of(replica, here.now) != State::unknown) continue;
      unknown.push_back(std::move(replica));
    }
  }
  return unknown;
}

NameEdit claim_name(const NameRecord& record, const NameRequest& request, const NamePlace& here) {
  if (record.kind == NameRecord::Kind::newer) return {Verdict::taken};
  Name value = without_gone(record, here);
  if (value.banned()) return {Verdict::banned};
  const bool full = request.joins && value.members_size() >= rules::registry_members_of_name;
  if (full || !may_have(value, request, here)) return {Verdict::taken};

  const bool fresh = !is_had(value);
  const std::uint64_t generation =
      std::max({value.generation(), request.token_generation, request.known_generation}) + 1;
  value.set_generation(generation);
  if (fresh) {
    value.set_owner(request.owner);
    value.set_address(request.address);
  }
  Member claim = make_member(generation, request.instance, request.joins, here);
  claim.set_owner(request.owner);
  if (value.claims_size() == rules::registry_claims_of_name) value.mutable_claims()->DeleteSubrange(0, 1);
  *value.add_claims() = std::move(claim);

  const Duration keep = value.members().empty() ? std::max(here.times.unattached, here.times.held) : here.times.kept;
  NameEdit edit = write(std::move(value), keep);
  edit.generation = generation;
  edit.wants_calm = fresh && request.token_generation == 0;
  return edit;
}

NameEdit attach_name(const NameRecord& record, const Standing& standing, const NamePlace& here) {
  if (record.kind == NameRecord::Kind::newer) return {Verdict::unchanged};
  Name value = without_gone(record, here);
  const auto ours = [&](const Member& m) { return is_ours(m, standing.generation, here); };
  Member member = make_member(standing.generation, standing.instance, standing.joins, here);
  member.set_link_id(standing.link_id);
  if (value.banned()) return {Verdict::lost, {}, {}, make_event(Event::KILLED, standing.name, {})};

  const bool here_already = any(value.members(), ours);
  const bool claimed = any(value.claims(), ours);
  if (!here_already && !claimed && is_had(value)) {
    // Published without a claim: it yields to another owner, and to who came later.
    const Member* later = nullptr;
    for (const Members* members : {&value.members(), &value.claims()}) {
      for (const Member& m : *members) {
        const bool beside = m.joins() && standing.joins && m.instance() != standing.instance;
        const bool before = m.generation() < standing.generation || !lives(m, here) || beside;
        if (value.owner() != standing.owner || !before) later = &m;
      }
    }
    if (later != nullptr) return {Verdict::lost, {}, {}, make_event(Event::MOVED, standing.name, *later)};
    if (value.owner() != standing.owner) return {Verdict::lost, {}, {}, make_event(Event::MOVED, standing.name, {})};
  }

  drop(*value.mutable_members(), [&](const Member& m) {
    const bool same_instance = !standing.instance.empty() && m.instance() == standing.instance;
    return ours(m) || !standing.joins || same_instance || !lives(m, here);
  });
  drop(*value.mutable_claims(), [&](const Member& m) {
    const bool replaced = !standing.joins && m.generation() < standing.generation;
    return ours(m) || replaced || !lives(m, here);
  });
  *value.add_members() = member;
  const std::uint64_t policy_version = policy_version_of(standing.policy);
  const bool same_policy = value.policy_version() == policy_version;
  value.set_owner(standing.owner);
  value.set_address(standing.address);
  value.set_generation(std::max(value.generation(), standing.generation));
  value.set_policy(standing.policy);
  value.set_policy_version(policy_version);
  value.set_held(false);

  NameEdit edit = write(std::move(value), here.times.kept);
  if (!here_already) edit.event = make_event(Event::MOVED, standing.name, member);
  if (here_already && !same_policy) edit.event = make_event(Event::POLICY, standing.name, member);
  if (edit.bytes == record.bytes) edit.verdict = Verdict::unchanged;
  return edit;
}

namespace {

// `free_at_once`: rather than kept for the owner after the last member.
NameEdit leave_name(const NameRecord& record, std::string_view name, std::uint64_t generation, bool free_at_once,
                    const NamePlace& here) {
  Name value = without_gone(record, here);
  const auto ours = [&](const Member& m) { return is_ours(m, generation, here); };
  const auto member = std::find_if(value.members().begin(), value.members().end(), ours);
  const bool stood = member != value.members().end();
  const Event event = stood ? make_event(Event::GONE, name, *member) : Event{};
  const bool gave_up = drop(*value.mutable_claims(), ours);
  if (!stood && !gave_up) return {Verdict::unchanged};
  drop(*value.mutable_members(), [&](const Member& m) { return ours(m) || (stood && !lives(m, here)); });

  NameEdit edit{Verdict::write};
  if (!value.members().empty()) {
    edit = write(std::move(value), here.times.kept);
  } else if (!value.claims().empty()) {
    // Where these are given up, too, the name is its owner's still.
    if (stood) value.set_held(!free_at_once);
    edit = write(std::move(value), std::max(here.times.unattached, here.times.held));
  } else if (stood ? !free_at_once : value.held()) {
    // Of a claim that is given up, the reservation that was before stands again.
    value.set_held(true);
    edit = write(std::move(value), here.times.held);
  }
  edit.event = event;
  return edit;
}

}  // namespace

NameEdit hold_name(const NameRecord& record, std::string_view name, std::uint64_t generation, const NamePlace& here) {
  return leave_name(record, name, generation, false, here);
}

NameEdit release_name(const NameRecord& record, std::string_view name, std::uint64_t generation,
                      const NamePlace& here) {
  return leave_name(record, name, generation, true, here);
}

NameEdit give_up_name(const NameRecord& record, std::string_view name, std::uint64_t generation,
                      const NamePlace& here) {
  return leave_name(record, name, generation, true, here);
}

NameEdit ban_name(const NameRecord& record, std::string_view name, Duration time) {
  NameEdit edit{Verdict::write};
  if (time > Duration{}) {
    Name value;
    value.set_owner(record.value.owner());
    value.set_generation(record.value.generation());
    value.set_banned(true);
    edit = write(std::move(value), time);
  }
  edit.event = make_event(Event::KILLED, name, {});
  return edit;
}

}  // namespace tenfold::broker
