#include "agent/links/pool_client.h"

#include <algorithm>
#include <utility>

#include "agent/rules.h"

namespace tenfold {
namespace {

// After this many failures in a row of each socket, although the port is open, the server does not want them. Fewer may
// be visitors that disconnect, whose RST overtakes their request.
constexpr int failures_most = 6;

}  // namespace

PoolClient::PoolClient(Forwarding& forwarding, Network& network, const Random& random, const Address& server,
                       std::size_t sockets, Owner& owner)
    : runtime_(forwarding.runtime), server_(server), owner_(owner) {
  const std::size_t most = std::clamp<std::size_t>(sockets, 1, rules::classic_sockets_most);
  for (std::size_t i = 0; i < most; ++i) {
    slots_.push_back(std::make_unique<PoolSlot>(forwarding, network, server_, random, *this));
  }
}

void PoolClient::start() {
  for (const auto& slot : slots_) slot->dial();
}

void PoolClient::on_slot_up(PoolSlot&) {
  if (done_ || std::exchange(ready_, true)) return;
  owner_.on_pool_ready(*this);
}

void PoolClient::on_slot_failed(PoolSlot&, const Error& why) {
  const bool lost = std::all_of(slots_.begin(), slots_.end(), [](const auto& slot) {
    return !slot->up() && (slot->unreachable() || slot->failures() >= failures_most);
  });
  if (lost && !std::exchange(done_, true)) owner_.on_pool_lost(*this, why);
}

void PoolClient::renew() {
  for (const auto& slot : slots_) slot->renew();
}

void PoolClient::leave(Duration deadline) {
  runtime_.timers.arm_in(leave_by_, deadline);
  runtime_.timers.arm_in(left_, 0s);  // not from inside this call, even if there is nothing to wait for
}

void PoolClient::on_slot_empty(PoolSlot&) { runtime_.timers.arm_in(left_, 0s); }

void PoolClient::look_who_left() {
  for (const auto& slot : slots_) slot->leave();
  const bool all = std::all_of(slots_.begin(), slots_.end(), [](const auto& slot) { return slot->empty(); });
  if (all) finish();
}

void PoolClient::on_deadline() {
  for (const auto& slot : slots_) slot->cut();
  finish();
}

void PoolClient::finish() {
  runtime_.timers.disarm(leave_by_);
  runtime_.timers.disarm(left_);
  if (!std::exchange(done_, true)) owner_.on_pool_left(*this);
}

}  // namespace tenfold
