#include "broker/link/link_tunnel.h"

#include <utility>

#include "broker/rules.h"
#include "mux/link_stream.h"

namespace tenfold::broker {

LinkTunnel::LinkTunnel(Runtime& runtime, std::string name, LinkPipes& pipes, Owner* owner)
    : LinkTunnel(runtime, std::move(name), pipes, owner, Far{}) {}

LinkTunnel::LinkTunnel(Runtime& runtime, std::string name, LinkPipes& pipes, Owner* owner, const Far& far)
    : Tunnel(runtime, std::move(name)),
      pipes_(&pipes),
      owner_(owner),
      far_(far),
      idle_(runtime, *this, pipes.idle(), far.idle),
      waiting_(runtime) {
  pipes.add(*this);
}

LinkTunnel::~LinkTunnel() { leave(); }

void LinkTunnel::open(Opening& opening) {
  if (successor() != nullptr) return successor()->open(opening);
  if (pipes_ == nullptr) return opening.on_open_failed(gone());
  if (!pipes_->in_demand() && serve(opening)) return;
  waiting_.enter(opening);
  pipes_->wait(*this);
}

bool LinkTunnel::serve(Opening& opening) {
  const auto wanted = opening.opening_wants_fresh() ? IdlePipes::Wanted::fresh : IdlePipes::Wanted::any;
  if (IdlePipes::Taken taken = idle_.take(wanted); taken.pipe != nullptr) {
    ++out_;
    opening.on_open(Upstream(shared_from_this(), std::move(taken.pipe), taken.used));
    return true;
  }
  Result<std::unique_ptr<LinkStream>> stream = pipes_->open_stream({name(), opening.opening_peer(), far_.policy});
  if (!stream && stream.error().kind == ErrorKind::limit) return false;
  if (!stream) {
    opening.on_open_failed({stream.error().kind, stream.error().detail, far_.origin});
    return true;
  }
  ++out_;
  opening.on_open(Upstream(shared_from_this(), *std::move(stream), false));
  return true;
}

bool LinkTunnel::serve_first() {
  Opening* opening = waiting_.next();
  if (serve(*opening)) return true;
  waiting_.put_back(*opening);
  return false;
}

void LinkTunnel::detach() {
  if (pipes_ == nullptr) return;
  idle_.clear();
  std::exchange(pipes_, nullptr)->remove(*this);
  waiting_.turn_away(gone());
}

Error LinkTunnel::on_pipe_lost(const Error& why) {
  if (far_.origin != Origin::peer || why.kind == ErrorKind::unbegun) return why;
  if (why.kind == ErrorKind::absent || why.kind == ErrorKind::denied) {
    if (owner_ != nullptr) owner_->on_link_tunnel_misdirected(*this);
    return {ErrorKind::unbegun, "the replica does not serve the tunnel as it was looked up", Origin::agent};
  }
  if (why.kind == ErrorKind::silent) return {ErrorKind::closed, "the agent's link was lost", Origin::link};
  if (link_gone()) return {ErrorKind::closed, "the link to the tunnel's replica was lost: " + why.detail, Origin::peer};
  return why;
}

Error LinkTunnel::gone() const {
  const bool of_agent = far_.origin == Origin::agent;
  return {ErrorKind::closed, of_agent ? "the agent's link is gone" : "the link to the tunnel's replica is gone",
          far_.origin};
}

void LinkTunnel::leave() {
  owner_ = nullptr;
  detach();
}

void LinkTunnel::on_handed_over(bool same_agent) {
  idle_.clear();
  while (Opening* opening = waiting_.next()) successor()->open(*opening);
  if (owner_ != nullptr) owner_->on_link_tunnel_replaced(*this, same_agent);
}

void LinkTunnel::take_back(std::unique_ptr<Duplex> pipe, Duration keep) {
  --out_;
  const bool kept = pipes_ != nullptr && successor() == nullptr && !watch().app_stuck() &&
                    static_cast<LinkStream&>(*pipe).worth_keeping();
  if (!kept) {
    // Now, and not when the graveyard is cleared: a visitor may wait for its place.
    pipe->reset(ErrorKind::cancelled);
    return runtime().graveyard.bury(std::move(pipe));
  }
  idle_.put(std::move(pipe), true, keep);
  pipes_->on_idle();
}

}  // namespace tenfold::broker
