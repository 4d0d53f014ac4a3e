// PoolKeeper: keeps one tunnel up on a classic pool of its own. Asks for it with a backoff, and holds the grant. Its
// owner decides what follows a lost pool.
//
//   keeper.ask() or keeper.open(grant, ip)   // a grant that another question brought
//   on_pool_up(keeper)
//   on_pool_gone(keeper, why)                // ask_again(why), or rest()
//   keeper.leave()                           // the tunnel is on a link now
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/links/broker_side.h"
#include "agent/links/handshake_round.h"
#include "agent/links/pool_client.h"

namespace tenfold {

class PoolKeeper final : public HandshakeRound::Owner, public PoolClient::Owner {
 public:
  class Owner {
   public:
    // The tunnel is up.
    virtual void on_pool_up(PoolKeeper& keeper) = 0;
    // The first request since rest() was answered, with any result: another tunnel may be asked for.
    virtual void on_pool_tried(PoolKeeper& keeper) = 0;
    virtual void on_pool_gone(PoolKeeper& keeper, const Error& why) = 0;
    // Permanently.
    virtual void on_pool_refused(PoolKeeper& keeper, const HandshakeAnswer& answer) = 0;
    // The server says that it speaks tenfold/1: it gives no pool. The keeper rests.
    virtual void on_pool_upgraded(PoolKeeper& keeper) = 0;
    // After leave(): the current requests on a pool have ended.
    virtual void on_pool_ended() = 0;

   protected:
    ~Owner() = default;
  };

  // `asks`: classic, or classic_offered if the user prefers a link.
  PoolKeeper(BrokerSide& side, Tunnel& tunnel, Asks asks, Owner& owner);

  Tunnel& tunnel() const { return tunnel_; }

  void ask();
  void ask_again(const Error& why, Duration at_least = {});
  void open(const ClassicGrant& grant, const std::string& peer_ip);
  // Stops asking.
  void rest();

  // This agent slept: asks now if it waits, and renews the pool's sockets.
  void on_slept();

  // Accepts no new visitor, and finishes current requests within limits::drain_time.
  void leave();
  bool has_pool() const { return pool_ != nullptr; }
  bool begun() const { return begun_; }
  bool runs() const { return pool_ != nullptr || !old_pools_.empty(); }

 private:
  void on_round_done(HandshakeRound& round, HandshakeOutcome outcome) override;
  void on_pool_ready(PoolClient& pool) override;
  void on_pool_lost(PoolClient& pool, const Error& why) override;
  void on_pool_left(PoolClient& pool) override;

  void on_refused(const HandshakeAnswer& answer);
  void tried();

  BrokerSide& side_;
  Runtime& runtime_;
  Tunnel& tunnel_;
  const Asks asks_;
  Owner& owner_;
  Backoff backoff_;
  MemberTimer<PoolKeeper, &PoolKeeper::ask> retry_{*this};
  std::unique_ptr<HandshakeRound> round_;
  std::unique_ptr<PoolClient> pool_;
  ClassicGrant grant_;                                  // of pool_
  std::vector<std::unique_ptr<PoolClient>> old_pools_;  // replaced by a link, with visitors that are not finished
  bool begun_ = false;                                  // it has asked, or was given a grant
  bool tried_ = false;                                  // the owner was told
};

}  // namespace tenfold
