#include "broker/link/link_door.h"

#include <utility>

namespace tenfold::broker {

LinkDoor::~LinkDoor() { close(); }

void LinkDoor::open_link(std::unique_ptr<Duplex> connection, LinkGrant grant, std::string_view peer, Bytes early) {
  LinkSession::Owner& owner = *this;
  auto session =
      std::make_unique<LinkSession>(side_, owner, std::move(connection), std::move(grant), std::string(peer));
  LinkSession& started = *session;
  links_[&started] = std::move(session);
  started.start(early);
}

void LinkDoor::on_link_session_closed(LinkSession& session) {
  const auto found = links_.find(&session);
  if (found == links_.end()) return;
  side_.loop.runtime().graveyard.bury(std::move(found->second));
  links_.erase(found);
  check_empty();
}

void LinkDoor::announce_drain(Duration deadline) {
  for (auto& [link, session] : links_) session->announce_drain(deadline);
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
