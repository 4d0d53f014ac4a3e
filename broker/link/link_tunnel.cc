#include "broker/link/link_tunnel.h"

#include <utility>

#include "base/limits.h"
#include "mux/link_stream.h"

namespace tenfold::broker {
namespace {

// A stream that was reset counts until its RST_STREAM has left; whoever waits for its place asks again then.
constexpr Duration ask_again = 20ms;

}  // namespace

LinkTunnel::LinkTunnel(Runtime& runtime, std::string name, Link& link, Owner* owner)
    : Tunnel(runtime, std::move(name)),
      link_(&link),
      owner_(owner),
      idle_(runtime, *this, limits::idle_pipes, limits::idle_pipe_time),
      waiting_(runtime) {}

void LinkTunnel::open(Opening& opening) {
  if (successor() != nullptr) return successor()->open(opening);
  if (link_ == nullptr) return opening.on_open_failed({ErrorKind::closed, "the agent's link is gone", Origin::agent});
  if (waiting_.size() != 0 || !serve(opening)) {
    waiting_.enter(opening);
    serve_soon();
    watch().make_room();
  }
}

bool LinkTunnel::serve(Opening& opening) {
  const auto wanted = opening.opening_wants_fresh() ? IdlePipes::Wanted::fresh : IdlePipes::Wanted::any;
  if (IdlePipes::Taken taken = idle_.take(wanted); taken.pipe != nullptr) {
    ++out_;
    opening.on_open(Upstream(shared_from_this(), std::move(taken.pipe), taken.used));
    return true;
  }
  Result<std::unique_ptr<LinkStream>> stream = link_->open_stream({name(), opening.opening_peer()});
  if (!stream && idle_.size() != 0) {
    // Every stream is taken, but some only by pipes too old for this request.
    idle_.clear();
    return false;
  }
  if (!stream) return false;
  ++out_;
  opening.on_open(Upstream(shared_from_this(), *std::move(stream), false));
  return true;
}

void LinkTunnel::detach() {
  link_ = nullptr;
  idle_.clear();
  waiting_.turn_away({ErrorKind::closed, "the agent's link is gone", Origin::agent});
}

void LinkTunnel::leave() {
  owner_ = nullptr;
  detach();
}

void LinkTunnel::on_handed_over() {
  idle_.clear();
  while (Opening* opening = waiting_.next()) successor()->open(*opening);
  if (owner_ != nullptr) owner_->on_link_tunnel_replaced(*this);
}

void LinkTunnel::take_back(std::unique_ptr<Duplex> pipe, Duration keep) {
  --out_;
  const bool kept = link_ != nullptr && successor() == nullptr && !watch().app_stuck() &&
                    static_cast<LinkStream&>(*pipe).worth_keeping();
  if (!kept) {
    runtime().graveyard.bury(std::move(pipe));
  } else {
    idle_.put(std::move(pipe), true, keep);
  }
  serve_soon();
}

void LinkTunnel::on_pipe_gone() {
  --out_;
  serve_soon();
}

// Not at once: a stream that is given up is still in the middle of its own end, and counts until that is over.
void LinkTunnel::serve_soon() {
  if (waiting_.size() != 0) runtime().timers.arm(serve_timer_, runtime().now());
}

void LinkTunnel::serve_waiting() {
  while (link_ != nullptr && waiting_.size() != 0) {
    if (idle_.size() == 0 && !link_->can_open()) return runtime().timers.arm_in(serve_timer_, ask_again);
    Opening* opening = waiting_.next();
    if (!serve(*opening)) {
      waiting_.put_back(*opening);
      return runtime().timers.arm_in(serve_timer_, ask_again);
    }
  }
}

}  // namespace tenfold::broker
