#include "agent/classic/pool_slot.h"

#include <utility>

#include "base/limits.h"

namespace tenfold {

PoolSlot::PoolSlot(Forwarding& forwarding, Network& network, const HostPort& server, const Random& random, Owner& owner)
    : forwarding_(forwarding), network_(network), server_(server), owner_(owner), backoff_(random) {}

void PoolSlot::dial() {
  dialing_ = network_.dial(
      {.address = server_, .tls = nullptr, .tls_name = {}, .deadline = limits::dial_time, .purpose = DialFor::pool},
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

void PoolSlot::on_forwarder_done(Forwarder& forwarder, const Error& why) {
  const bool visited = forwarder.visited();
  forwarding_.runtime.graveyard.bury(std::move(forwarder_));
  if (leaving_) return;
  // The stock server closes a socket after each answer, and a visitor who leaves takes his with him: a socket that was
  // used is replaced at once, or the next visitors would wait.
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

bool PoolSlot::leave(Duration quiet) {
  leaving_ = true;
  forwarding_.runtime.timers.disarm(again_);
  forwarding_.runtime.graveyard.bury(std::move(dialing_));
  if (forwarder_ != nullptr && forwarder_->between_requests(quiet)) cut();
  return forwarder_ == nullptr;
}

void PoolSlot::cut() { forwarding_.runtime.graveyard.bury(std::move(forwarder_)); }

}  // namespace tenfold
