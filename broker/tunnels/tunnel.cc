#include "broker/tunnels/tunnel.h"

namespace tenfold::broker {

Upstream& Upstream::operator=(Upstream&& other) noexcept {
  if (this == &other) return *this;
  drop(ErrorKind::cancelled);
  tunnel_ = std::move(other.tunnel_);
  pipe_ = std::move(other.pipe_);
  reused_ = other.reused_;
  return *this;
}

void Upstream::drop(ErrorKind why) {
  if (tunnel_ == nullptr) return;
  if (pipe_ != nullptr) {
    pipe_->reset(why);
    tunnel_->runtime().graveyard.bury(std::move(pipe_));
  }
  std::exchange(tunnel_, nullptr)->on_pipe_gone();
}

void Upstream::give_back(Upstream upstream, Duration keep) {
  const std::shared_ptr<Tunnel> tunnel = std::exchange(upstream.tunnel_, nullptr);
  upstream.pipe_->set_handler(nullptr);
  tunnel->take_back(std::move(upstream.pipe_), keep);
}

void Upstream::note_asked(Opening& opening) {
  if (tunnel_->may_be_new_to_app(reused_)) tunnel_->watch().asked(opening);
}

void Upstream::note_answered(Opening& opening) { tunnel_->watch().answered(opening); }

void Upstream::note_reader(Opening& opening, bool stands) {
  if (stands) {
    tunnel_->watch().stands(opening);
  } else {
    tunnel_->watch().moves(opening);
  }
}

Error Upstream::lost(const Error& why) const { return tunnel_->on_pipe_lost(why); }

bool Upstream::agent_gone() const { return tunnel_->agent_gone(); }

Duration Upstream::round_trip() const { return tunnel_->round_trip(); }

bool Upstream::tells_unbegun() const { return tunnel_->tells_unbegun(); }

}  // namespace tenfold::broker
