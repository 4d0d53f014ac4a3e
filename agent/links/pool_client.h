// PoolClient: the classic pool as the client has it: so many plain sockets to the server's port, each of which carries
// HTTP/1.1 from the server to the local app, and each replaced when it ends. docs/CLASSIC.md has the facts.
//
//   pool = std::make_unique<PoolClient>(forwarding, network, random, server, sockets, owner);
//   pool->start();
//   on_pool_ready()                 // the first socket is up
//   on_pool_lost(why)               // no socket comes up any more: ask the server again, and bury the pool
//
// Where the stock client goes wrong: a socket that is refused, or closed before it served anyone, is replaced after a
// backoff only; and when none comes up any more, the owner hears of it and may register again.
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
    // The last event after leave(): what ran has ended.
    virtual void on_pool_left(PoolClient& pool) = 0;

   protected:
    ~Owner() = default;
  };

  PoolClient(Forwarding& forwarding, Network& network, const Random& random, const Address& server, std::size_t sockets,
             Owner& owner);

  void start();

  // This machine slept: the sockets may be dead, and others are dialled in their places.
  void renew();

  // Closes the sockets that stand between two requests, the others as they get there, and all of them after
  // `deadline`; so long run those of which it is not known, as upgraded ones.
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
