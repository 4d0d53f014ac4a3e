// Agent: keeps its tunnels up until it is stopped: all on one link to the broker, or each on its own classic pool if
// the server is a classic one or no link is wanted.
//
//   link keeper -> a link for all of them          a broker that speaks tenfold/1
//               -> pool keepers, one per tunnel    a classic server; the link keeper asks again periodically
//   pool keepers alone                             no --mux
//
// It ends with 3 when every tunnel was refused permanently, and with 0 after stop().
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/links/broker_side.h"
#include "agent/links/instance.h"
#include "agent/links/known_brokers.h"
#include "agent/links/link_keeper.h"
#include "agent/links/pool_keeper.h"
#include "agent/links/sleep_watch.h"
#include "agent/links/tunnel.h"
#include "agent/options.h"

namespace tenfold {

enum class ExitCode {
  stopped = 0,
  usage = 2,
  refused = 3,
};

class Agent final : public LinkKeeper::Owner, public PoolKeeper::Owner, public SleepWatch::Owner {
 public:
  class Owner {
   public:
    // The last event.
    virtual void on_agent_done(ExitCode code) = 0;

   protected:
    ~Owner() = default;
  };

  // `ways`: the destinations of the visitors of each of `options.tunnels`, in the same order. `tls`: for an https
  // broker.
  Agent(const Options& options, const std::vector<Forwarding*>& ways, Status& status, Network& network,
        std::shared_ptr<TlsContext> tls, Random random, SuspendClock& clock, Owner& owner);
  ~Agent();

  void start();

  // Gives up the names, finishes current requests within limits::drain_time, and ends.
  void stop();

 private:
  void on_tunnel_on_link(Tunnel& tunnel) override;
  void on_classic_answer(Tunnel& tunnel, const HandshakeOutcome& outcome) override;
  void on_link_refused(const std::string& code, const std::string& message) override;
  void on_tunnel_refused(Tunnel& tunnel, const std::string& code, const std::string& message) override;
  bool look_for_sleep() override { return sleep_.look(); }
  void on_link_ended() override { done_if_nothing_runs(); }

  void on_pool_up(PoolKeeper& keeper) override;
  void on_pool_tried(PoolKeeper& keeper) override;
  void on_pool_gone(PoolKeeper& keeper, const Error& why) override;
  void on_pool_refused(PoolKeeper& keeper, const HandshakeAnswer& answer) override;
  void on_pool_upgraded(PoolKeeper& keeper) override;
  void on_pool_ended() override { done_if_nothing_runs(); }

  void on_slept(Duration slept) override;

  PoolKeeper& pool_of(const Tunnel& tunnel);
  void ask_for_next_pool();
  bool something_runs() const;
  void done_if_nothing_runs();
  void refuse(const std::string& code, const std::string& message);
  void done(ExitCode code);

  const Mux mux_;
  KnownBrokers known_;
  const Instance instance_;
  BrokerSide side_;
  Owner& owner_;
  std::vector<std::unique_ptr<Tunnel>> tunnels_;
  std::unique_ptr<LinkKeeper> link_;
  std::vector<std::unique_ptr<PoolKeeper>> pools_;  // one for each of tunnels_
  SleepWatch sleep_;
  bool said_moving_ = false;  // a message about the move from pools to the link was shown
  bool stopping_ = false;
  bool done_ = false;
};

}  // namespace tenfold
