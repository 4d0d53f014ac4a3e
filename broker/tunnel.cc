#include "broker/tunnel.h"

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

void Upstream::give_back(Upstream upstream) {
  const std::shared_ptr<Tunnel> tunnel = std::exchange(upstream.tunnel_, nullptr);
  upstream.pipe_->set_handler(nullptr);
  tunnel->take_back(std::move(upstream.pipe_));
}

}  // namespace tenfold::broker
