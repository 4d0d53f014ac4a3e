// LinkDoor: every agent's link, from the handshake's 101 to its end.
//
// Owned by the broker. Visitors borrow streams of links, so it outlives them, and goes last when the broker drains.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

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

  // Asks every agent to dial elsewhere; the links go on taking streams.
  void announce_drain(Duration deadline);
  // No new stream; `on_empty` when the last link has ended.
  void drain(std::function<void()> on_empty);

  // Destroys all links, without an event.
  void close() { links_.clear(); }

 private:
  void on_link_session_closed(LinkSession& session) override;
  void check_empty();

  void on_memory(bool is_short) override;
  TimePoint standing_since() const override;
  void evict_first() override;

  const LinkSide& side_;
  std::unordered_map<LinkSession*, std::unique_ptr<LinkSession>> links_;
  std::function<void()> on_empty_;  // set while draining
  MemoryGuard memory_;
};

}  // namespace tenfold::broker
