#include "broker/cluster/remote_tunnel.h"

#include <optional>

#include "broker/rules.h"

namespace tenfold::broker {

RemoteTunnel::RemoteTunnel(Runtime& runtime, std::string name, PeerLinks& links, Place place, Registry& registry)
    : Tunnel(runtime, std::move(name)),
      links_(links),
      place_(std::move(place)),
      registry_(registry),
      waiting_(runtime),
      asking_(runtime) {}

RemoteTunnel::~RemoteTunnel() {
  if (way_ != nullptr) way_->leave();
}

void RemoteTunnel::open(Opening& opening) {
  if (unlearned_ || place_.address.empty()) return ask(opening);
  if (way_ != nullptr && !way_->link_gone()) return open_on_way(opening);
  PeerLink* link = links_.link_to(place_.replica, place_.address);
  if (link == nullptr) {
    return opening.on_open_failed({ErrorKind::closed, "no way to replica " + to_string(place_.replica), Origin::peer});
  }
  if (LinkPipes* pipes = link->join(*this)) {
    take_way(*pipes);
    return open_on_way(opening);
  }
  if (!listed()) return opening.on_open_failed(link->failure());
  waiting_.enter(opening);
}

void RemoteTunnel::take_way(LinkPipes& pipes) {
  LinkTunnel::Owner& owner = *this;
  const LinkTunnel::Far far{Origin::peer, place_.policy, rules::peer_idle_pipe_time};
  way_ = std::make_shared<LinkTunnel>(runtime(), name(), pipes, &owner, far);
}

// A visitor who is turned away may let go of the tunnel, the last one with it: here, and in each of the events below.
void RemoteTunnel::open_on_way(Opening& opening) {
  const std::shared_ptr<LinkTunnel> way = way_;
  way->open(opening);
}

void RemoteTunnel::on_peer_up(LinkPipes& pipes) {
  const std::shared_ptr<Tunnel> self = shared_from_this();
  take_way(pipes);
  for (std::size_t left = waiting_.size(); left != 0; --left) {
    if (Opening* opening = waiting_.next()) open(*opening);
  }
}

void RemoteTunnel::on_peer_failed(const Error& why) {
  const std::shared_ptr<Tunnel> self = shared_from_this();
  waiting_.turn_away(why);
}

void RemoteTunnel::on_peer_lost() {
  const std::shared_ptr<Tunnel> self = shared_from_this();
  if (const std::shared_ptr<LinkTunnel> way = std::exchange(way_, nullptr)) way->leave();
}

void RemoteTunnel::on_link_tunnel_misdirected(LinkTunnel&) {
  unlearned_ = true;
  registry_.unlearn(name());
}

// ---- Looked up once more --------------------------------------------------------------

void RemoteTunnel::ask(Opening& opening) {
  if (!question_.pending()) {
    const std::optional<NameTable::Found> found = registry_.find(name(), question_);
    if (found) return hand_on(*found, opening);
  }
  asking_.enter(opening);
}

void RemoteTunnel::hand_on(const NameTable::Found& found, Opening& opening) {
  if (found.state != NameTable::State::here) {
    return opening.on_open_failed({ErrorKind::closed, "no replica has the tunnel's agent now", Origin::agent});
  }
  if (policy_version(found.policy.get()) != place_.policy) {
    return opening.on_open_failed({ErrorKind::denied, "the tunnel's rules have just changed", Origin::peer});
  }
  if (found.tunnel.get() == this) unlearned_ = false;
  found.tunnel->open(opening);
}

void RemoteTunnel::on_found(const NameTable::Found& found) {
  const std::shared_ptr<Tunnel> self = shared_from_this();
  while (Opening* opening = asking_.next()) hand_on(found, *opening);
}

void RemoteTunnel::on_registry_away() {
  const std::shared_ptr<Tunnel> self = shared_from_this();
  asking_.turn_away({ErrorKind::silent, "no word from the registry", Origin::registry});
}

}  // namespace tenfold::broker
