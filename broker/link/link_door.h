// LinkDoor: every agent's link, from the handshake's 101 to its end.
//
// Owned by the broker. Visitors borrow streams of links, so it outlives them, and goes last when the broker drains.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "broker/link/link_session.h"
#include "broker/link/memory_guard.h"
#include "broker/tunnels/grant.h"

namespace tenfold::broker {

class LinkDoor final : public LinkOpener, private LinkSession::Owner, private MemoryGuard::Owner {
 public:
  explicit LinkDoor(const LinkSide& side);
  ~LinkDoor();

  void open_link(std::unique_ptr<Duplex> connection, LinkGrant grant, std::string_view peer, Bytes early) override;

  std::size_t size() const { return links_.size(); }

  // Ends the links that came with that operator's token (its name; empty: with none), and all their tunnels: their
  // streams are cut, the agents are told. Returns the number of tunnels.
  std::size_t end_tunnels_of(std::string_view token);

  // After ResumeTokens::rotate(): agents get new tokens for their names.
  void renew_tokens();

  // Calls `each(session)` for all, in no order.
  template <typename Each>
  void for_each(Each each) const {
    for (const auto& [key, session] : links_) each(*session);
  }

  // Of the links that have ended.
  struct Ended {
    std::uint64_t streams_opened = 0;
    std::uint64_t window_waits = 0;
    static constexpr std::size_t kinds = static_cast<std::size_t>(ErrorKind::usage) + 1;
    std::array<std::uint64_t, kinds> by_kind{};  // by the reason of their end
  };
  const Ended& ended() const { return ended_; }

  // Asks every agent to dial elsewhere, one after another `over` that time; the links go on taking streams.
  void announce_drain(Duration deadline, Duration over);
  // `on_empty` when the last link has ended by itself.
  void when_empty(std::function<void()> on_empty);
  // No new stream; `on_empty` when the last link has ended.
  void drain(std::function<void()> on_empty);

  // Destroys all links, without an event.
  void close() { links_.clear(); }

 private:
  void on_link_session_closed(LinkSession& session) override;
  void check_empty();
  void announce_some();

  void on_memory(bool is_short) override;
  TimePoint standing_since() const override;
  void evict_first() override;

  const LinkSide& side_;
  std::unordered_map<LinkSession*, std::unique_ptr<LinkSession>> links_;
  std::function<void()> on_empty_;  // set while draining
  bool announced_ = false;          // the drain: a link whose claim was under way hears of it at once
  Duration drain_deadline_{};
  std::vector<LinkSession*> to_announce_;  // whose agents have not been told of the drain; some may be gone
  std::size_t announced_a_step_ = 0;
  MemberTimer<LinkDoor, &LinkDoor::announce_some> announcing_{*this};
  Ended ended_;
  MemoryGuard memory_;
};

}  // namespace tenfold::broker
