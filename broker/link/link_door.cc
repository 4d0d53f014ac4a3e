#include "broker/link/link_door.h"

#include <algorithm>
#include <utility>

#include "broker/rules.h"

namespace tenfold::broker {

LinkDoor::LinkDoor(const LinkSide& side)
    : side_(side), memory_(side.loop.runtime(), static_cast<MemoryGuard::Owner&>(*this), side.memory_limit) {}

LinkDoor::~LinkDoor() { close(); }

void LinkDoor::open_link(std::unique_ptr<Duplex> connection, LinkGrant grant, std::string_view peer, Bytes early) {
  LinkSession::Owner& owner = *this;
  auto session =
      std::make_unique<LinkSession>(side_, owner, std::move(connection), std::move(grant), std::string(peer));
  LinkSession& started = *session;
  links_[&started] = std::move(session);
  started.start(early);
  if (memory_.is_short()) started.squeeze(true);
  if (announced_) started.announce_drain(drain_deadline_);
}

void LinkDoor::on_memory(bool is_short) {
  for (auto& [link, session] : links_) session->squeeze(is_short);
}

TimePoint LinkDoor::standing_since() const {
  TimePoint since = never;
  for (const auto& [link, session] : links_) since = std::min(since, session->standing_since());
  return since;
}

void LinkDoor::evict_first() {
  const TimePoint since = standing_since();
  for (const auto& [link, session] : links_) {
    if (session->standing_since() == since) return session->evict_first();
  }
}

void LinkDoor::on_link_session_closed(LinkSession& session) {
  const auto found = links_.find(&session);
  if (found == links_.end()) return;
  const LinkStats stats = session.stats();
  ended_.streams_opened += stats.streams_opened;
  ended_.window_waits += stats.window_waits;
  ++ended_.by_kind[static_cast<std::size_t>(session.ended_by())];
  side_.loop.runtime().graveyard.bury(std::move(found->second));
  links_.erase(found);
  check_empty();
}

std::size_t LinkDoor::end_tunnels_of(std::string_view token) {
  std::size_t ended = 0;
  for (auto& [link, session] : links_) {
    if (session->token() == token) ended += session->revoke();
  }
  return ended;
}

void LinkDoor::renew_tokens() {
  for (auto& [link, session] : links_) session->renew_tokens();
}

void LinkDoor::announce_drain(Duration deadline, Duration over) {
  announced_ = true;
  drain_deadline_ = deadline;
  for (const auto& [link, session] : links_) to_announce_.push_back(link);
  const auto steps = static_cast<std::size_t>(over / rules::announce_step) + 1;
  announced_a_step_ = to_announce_.size() / steps + 1;
  announce_some();
}

void LinkDoor::announce_some() {
  for (std::size_t i = 0; i < announced_a_step_ && !to_announce_.empty(); ++i) {
    const auto found = links_.find(to_announce_.back());
    to_announce_.pop_back();
    if (found != links_.end()) found->second->announce_drain(drain_deadline_);
  }
  if (!to_announce_.empty()) side_.loop.runtime().timers.arm_in(announcing_, rules::announce_step);
}

void LinkDoor::when_empty(std::function<void()> on_empty) {
  on_empty_ = std::move(on_empty);
  check_empty();
}

void LinkDoor::drain(std::function<void()> on_empty) {
  on_empty_ = std::move(on_empty);
  for (auto& [link, session] : links_) session->drain();
  check_empty();
}

void LinkDoor::check_empty() {
  if (on_empty_ && links_.empty()) std::exchange(on_empty_, nullptr)();
}

}  // namespace tenfold::broker
