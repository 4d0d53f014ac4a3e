// PoolSlot: one socket of a classic pool: dials, serves, and dials again.
#pragma once

#include <memory>
#include <vector>

#include "agent/forward/forwarder.h"
#include "agent/links/backoff.h"
#include "agent/targets/network.h"

namespace tenfold {

class PoolSlot final : public Forwarder::Owner {
 public:
  class Owner {
   public:
    virtual void on_slot_up(PoolSlot& slot) = 0;
    // A dial failed, or a socket was closed before it was used; the slot tries again automatically.
    virtual void on_slot_failed(PoolSlot& slot, const Error& why) = 0;
    // After leave(): the last socket is closed.
    virtual void on_slot_empty(PoolSlot& slot) = 0;

   protected:
    ~Owner() = default;
  };

  PoolSlot(Forwarding& forwarding, Network& network, const Address& server, const Random& random, Owner& owner);

  void dial();

  // Replaces a socket that may be dead now; a request on it continues.
  void renew();
  // Closes the socket when no request is on it. Dials no more.
  void leave();
  // Closes it now.
  void cut();

  bool up() const { return forwarder_ != nullptr; }
  bool empty() const { return forwarder_ == nullptr && half_closed_.empty(); }
  // Failures in a row: since a socket was used, or stayed open for a while.
  int failures() const { return backoff_.failures(); }
  // Whether the last dial failed to connect.
  bool unreachable() const { return unreachable_; }

 private:
  void on_dialed(Result<Dialed> dialed);
  void on_forwarder_half_closed(Forwarder& forwarder) override;
  void on_forwarder_done(Forwarder& forwarder, const Error& why) override;
  void fail(const Error& why);

  Forwarding& forwarding_;
  Network& network_;
  const Address& server_;
  Owner& owner_;
  Backoff backoff_;
  bool leaving_ = false;
  bool unreachable_ = false;
  std::unique_ptr<Dialing> dialing_;
  std::unique_ptr<Forwarder> forwarder_;
  // Earlier sockets, oldest first: the server has ended them, the app has not answered yet. Another socket has taken
  // their place.
  std::vector<std::unique_ptr<Forwarder>> half_closed_;
  MemberTimer<PoolSlot, &PoolSlot::dial> again_{*this};
};

}  // namespace tenfold
