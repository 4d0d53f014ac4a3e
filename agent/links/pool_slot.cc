#include "agent/links/pool_slot.h"

#include <algorithm>
#include <utility>

#include "agent/rules.h"

namespace tenfold {

PoolSlot::PoolSlot(Forwarding& forwarding, Network& network, const Address& server, const Random& random, Owner& owner)
    : forwarding_(forwarding), network_(network), server_(server), owner_(owner), backoff_(random) {}

void PoolSlot::dial() {
  dialing_ = network_.dial(
      {.address = server_, .tls = nullptr, .tls_name = {}, .deadline = rules::dial_time, .purpose = DialFor::pool},
      [this](Result<Dialed> dialed) { on_dialed(std::move(dialed)); });
}

void PoolSlot::on_dialed(Result<Dialed> dialed) {
  forwarding_.runtime.graveyard.bury(std::move(dialing_));
  unreachable_ = !dialed;
  if (!dialed) return fail(dialed.error());
  backoff_.up(forwarding_.runtime.now());
  forwarder_ = std::make_unique<Forwarder>(forwarding_, std::move(dialed->pipe), *this);
  forwarder_->start();
  owner_.on_slot_up(*this);
}

void PoolSlot::on_forwarder_half_closed(Forwarder& forwarder) {
  if (leaving_ || &forwarder != forwarder_.get()) return;
  if (half_closed_.size() == rules::classic_half_closed) {
    half_closed_.front()->give_up();
    forwarding_.runtime.graveyard.bury(std::move(half_closed_.front()));
    half_closed_.erase(half_closed_.begin());
  }
  half_closed_.push_back(std::move(forwarder_));
  backoff_.reset();
  dial();
}

void PoolSlot::on_forwarder_done(Forwarder& forwarder, const Error& why) {
  if (&forwarder != forwarder_.get()) {
    const auto found = std::find_if(half_closed_.begin(), half_closed_.end(),
                                    [&](const auto& other) { return other.get() == &forwarder; });
    forwarding_.runtime.graveyard.bury(std::move(*found));
    half_closed_.erase(found);
    if (leaving_ && empty()) owner_.on_slot_empty(*this);
    return;
  }
  const bool visited = forwarder.visited();
  forwarding_.runtime.graveyard.bury(std::move(forwarder_));
  if (leaving_) {
    if (empty()) owner_.on_slot_empty(*this);
    return;
  }
  // The stock server closes a socket after each answer, and when a visitor disconnects: a used socket is replaced at
  // once, or the next visitors would wait.
  if (visited) {
    backoff_.reset();
    return dial();
  }
  fail(why ? why : Error{ErrorKind::closed, "the server closes its sockets"});
}

void PoolSlot::fail(const Error& why) {
  if (leaving_) return;
  forwarding_.runtime.log.debug("socket-failed", {{"server", to_string(server_)}, {"cause", describe(why)}});
  const TimePoint now = forwarding_.runtime.now();
  forwarding_.runtime.timers.arm(again_, now + backoff_.next(now));
  owner_.on_slot_failed(*this, why);
}

void PoolSlot::renew() {
  if (leaving_ || forwarder_ == nullptr) return;
  Forwarder& former = *forwarder_;
  former.leave();
  on_forwarder_half_closed(former);
}

void PoolSlot::leave() {
  leaving_ = true;
  forwarding_.runtime.timers.disarm(again_);
  forwarding_.runtime.graveyard.bury(std::move(dialing_));
  if (forwarder_ != nullptr) forwarder_->leave();
  for (const auto& forwarder : half_closed_) forwarder->leave();
}

void PoolSlot::cut() {
  if (forwarder_ != nullptr) forwarder_->give_up();
  forwarding_.runtime.graveyard.bury(std::move(forwarder_));
  for (auto& forwarder : half_closed_) {
    forwarder->give_up();
    forwarding_.runtime.graveyard.bury(std::move(forwarder));
  }
  half_closed_.clear();
}

}  // namespace tenfold
