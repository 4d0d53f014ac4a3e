#include "broker/cluster/replica_view.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace tenfold::broker {

std::string to_string(const ReplicaId& replica) {
  std::array<char, 16> digits{};
  const auto [end, failed] = std::to_chars(digits.data(), digits.data() + digits.size(), replica.epoch, 16);
  return replica.id + ":" + std::string(digits.data(), failed == std::errc{} ? end : digits.data());
}

void ReplicaView::begin_update(TimePoint now) {
  std::erase_if(entries_, [&](const auto& entry) { return left_of(entry.second, now) <= Duration{}; });
  gone_.clear();
  updated_at_ = now;
}

void ReplicaView::update(Replica replica, Duration left) {
  std::string key = to_string(replica.id);
  entries_.insert_or_assign(std::move(key), Entry{std::move(replica), left, updated_at_});
}

// An update is one renewal old at most while the registry is there.
Duration ReplicaView::left_of(const Entry& entry, TimePoint now) const {
  const TimePoint then = std::min(now, updated_at_ + times_.renew + rules::registry_silent);
  return entry.left - (then - entry.said_at);
}

ReplicaView::State ReplicaView::state_of(const ReplicaId& replica, TimePoint now) const {
  const std::string key = to_string(replica);
  const auto found = entries_.find(key);
  if (found == entries_.end()) return gone_.contains(key) ? State::gone : State::unknown;
  const Duration left = left_of(found->second, now);
  if (left > times_.held) return State::alive;
  return left > Duration{} ? State::dead : State::gone;
}

const ReplicaView::Replica* ReplicaView::find(const ReplicaId& replica) const {
  const auto found = entries_.find(to_string(replica));
  return found == entries_.end() ? nullptr : &found->second.replica;
}

void ReplicaView::note_gone(const ReplicaId& replica) {
  if (gone_.size() < rules::registry_unknown_replicas) gone_.insert(to_string(replica));
}

std::vector<ReplicaView::Replica> ReplicaView::living(TimePoint now) const {
  std::vector<Replica> living;
  for (const auto& [key, entry] : entries_) {
    if (left_of(entry, now) > times_.held) living.push_back(entry.replica);
  }
  return living;
}

}  // namespace tenfold::broker
