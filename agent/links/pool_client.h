// PoolClient: the client side of the classic pool: a number of plain sockets to the server's port, each of which
// carries HTTP/1.1 from the server to the local app and is replaced when it ends. docs/CLASSIC.md has the facts.
//
//   pool = std::make_unique<PoolClient>(forwarding, network, random, server, sockets, owner);
//   pool->start();
//   on_pool_ready()                 // the first socket is up
//   on_pool_lost(why)               // no socket can be opened: ask the server again, and bury the pool
//
// It corrects two faults of the stock client: a socket that is refused, or closed before it was used, is replaced after
// a backoff; and if no socket can be opened, the owner is told and may register again.
#pragma once

#include <memory>
#include <vector>

#include "agent/links/pool_slot.h"

namespace tenfold {

class PoolClient final : public PoolSlot::Owner {
 public:
  class Owner {
   public:
    virtual void on_pool_ready(PoolClient& pool) = 0;
    // The last event.
    virtual void on_pool_lost(PoolClient& pool, const Error& why) = 0;
    // The last event after leave(): the current requests have ended.
    virtual void on_pool_left(PoolClient& pool) = 0;

   protected:
    ~Owner() = default;
  };

  PoolClient(Forwarding& forwarding, Network& network, const Random& random, const Address& server, std::size_t sockets,
             Owner& owner);

  void start();

  // This agent slept: the sockets may be dead, so others are dialled in their place.
  void renew();

  // Closes idle sockets now, the others when they become idle, and all of them after `deadline`; sockets whose state is
  // unknown, such as upgraded ones, stay until then.
  void leave(Duration deadline);

 private:
  void on_slot_up(PoolSlot& slot) override;
  void on_slot_failed(PoolSlot& slot, const Error& why) override;
  void on_slot_empty(PoolSlot& slot) override;
  void look_who_left();
  void on_deadline();
  void finish();

  Runtime& runtime_;
  const Address server_;
  Owner& owner_;
  std::vector<std::unique_ptr<PoolSlot>> slots_;
  bool ready_ = false;  // the owner was told
  bool done_ = false;   // the last event was sent
  MemberTimer<PoolClient, &PoolClient::look_who_left> left_{*this};
  MemberTimer<PoolClient, &PoolClient::on_deadline> leave_by_{*this};
};

}  // namespace tenfold
