#include "broker/classic/classic_tunnel.h"

#include <utility>

#include "broker/rules.h"

namespace tenfold::broker {

ClassicTunnel::ClassicTunnel(Runtime& runtime, std::string name, std::size_t max_conn, Owner& owner)
    : Tunnel(runtime, std::move(name)),
      max_conn_(max_conn),
      owner_(&owner),
      idle_(runtime, *this, max_conn, Duration::max()),
      waiting_(runtime) {
  runtime.timers.arm_in(empty_timer_, rules::claim_window);
}

void ClassicTunnel::add_socket(std::unique_ptr<Duplex> socket, AddressCounts::Ticket parked_ticket) {
  if (is_full()) {
    if (parked_.size() < rules::classic_parked) parked_.push_back({std::move(socket), std::move(parked_ticket)});
    return note_sockets();
  }
  runtime().timers.disarm(empty_timer_);
  claimed_ = true;
  idle_.put(std::move(socket), false);
  note_sockets();
  serve_soon();
}

void ClassicTunnel::note_sockets() {
  if (owner_ != nullptr) owner_->on_classic_sockets(*this);
}

void ClassicTunnel::open(Opening& opening) {
  if (successor() != nullptr) return successor()->open(opening);
  if (owner_ == nullptr) return opening.on_open_failed({ErrorKind::closed, "the client is gone", Origin::agent});
  waiting_.enter(opening);
  if (waiting_.size() == 1 && idle_.size() != 0) serve_waiting();
  watch().make_room();
}

void ClassicTunnel::serve_waiting() {
  while (waiting_.size() != 0 && idle_.size() != 0) {
    Opening* opening = waiting_.next();
    IdlePipes::Taken taken;
    if (opening->opening_wants_fresh()) taken = idle_.take(IdlePipes::Wanted::fresh);
    // No fresh socket is free, and the broker cannot open one: takes a used one.
    if (taken.pipe == nullptr) taken = idle_.take(IdlePipes::Wanted::any);
    if (taken.pipe == nullptr) return waiting_.put_back(*opening);  // the remaining ones are about to be closed
    ++out_;
    opening->on_open(Upstream(shared_from_this(), std::move(taken.pipe), taken.used));
  }
}

void ClassicTunnel::take_back(std::unique_ptr<Duplex> pipe, Duration keep) {
  if (watch().app_stuck()) {
    runtime().graveyard.bury(std::move(pipe));
    return on_pipe_gone();
  }
  --out_;
  idle_.put(std::move(pipe), true, keep);
  // Now, not at the end of the turn: the few sockets are the bottleneck.
  serve_waiting();
}

void ClassicTunnel::on_pipe_gone() {
  --out_;
  on_place_free();
}

void ClassicTunnel::on_place_free() {
  while (connected() < max_conn_ && !parked_.empty()) {
    std::unique_ptr<Duplex> socket = std::move(parked_.front().socket);
    parked_.pop_front();
    idle_.put(std::move(socket), false);
    serve_soon();
  }
  if (connected() == 0) runtime().timers.arm_in(empty_timer_, rules::classic_empty);
  note_sockets();
}

void ClassicTunnel::on_handed_over(bool) {
  while (Opening* opening = waiting_.next()) successor()->open(*opening);
  end("replaced");
}

// Not now: the request that lost the socket is still on the stack.
void ClassicTunnel::serve_soon() {
  if (waiting_.size() != 0) runtime().timers.arm(serve_timer_, runtime().now());
}

void ClassicTunnel::on_empty() { end(claimed_ ? "empty" : "unclaimed"); }

void ClassicTunnel::end(std::string_view cause) {
  if (owner_ == nullptr) return;
  Owner* owner = owner_;
  close();
  owner->on_classic_over(*this, cause);
}

void ClassicTunnel::close() {
  owner_ = nullptr;
  idle_.clear();
  parked_.clear();
  waiting_.turn_away({ErrorKind::closed, "the client is gone", Origin::agent});
}

}  // namespace tenfold::broker
