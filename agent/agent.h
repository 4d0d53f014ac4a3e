// Agent: keeps one tunnel standing until it is told to stop. Asks the broker, holds the link or the pool that comes of
// it, and starts over with a backoff when that is lost, for the same name again.
//
//   asking -> link (Session)      a broker that speaks tenfold/1
//          -> pool (PoolClient)   a classic server, or no --mux
//          -> waiting -> asking   nobody there, a fault, "not now"
//          -> done(3)             refused for good
//
// When the broker drains, the old link stays while the next one is asked for, and ends with its last visitor. On the
// pool of a classic server the link is asked for again from time to time, and the pool ends in the same way.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/forward/forwarder.h"
#include "agent/links/backoff.h"
#include "agent/links/handshake_round.h"
#include "agent/links/known_brokers.h"
#include "agent/links/pool_client.h"
#include "agent/links/session.h"
#include "agent/options.h"
#include "agent/targets/network.h"

namespace tenfold {

enum class ExitCode {
  stopped = 0,
  usage = 2,
  refused = 3,
};

class Agent final : public HandshakeRound::Owner, public Session::Owner, public PoolClient::Owner {
 public:
  class Owner {
   public:
    // The last event.
    virtual void on_agent_done(ExitCode code) = 0;

   protected:
    ~Owner() = default;
  };

  // `tls`: for an https broker.
  Agent(const Options& options, Forwarding& forwarding, Network& network, std::shared_ptr<TlsContext> tls,
        Random random, Owner& owner);
  ~Agent();

  void start();

  // Gives the name back, finishes what runs within limits::drain_time, and is done.
  void stop();

 private:
  void on_round_done(HandshakeRound& round, HandshakeOutcome outcome) override;
  void on_session_registered(Session& session, const Registration& registration) override;
  void on_session_draining(Session& session, Duration deadline) override;
  void on_session_closed(Session& session, const Error& why) override;
  void on_pool_ready(PoolClient& pool) override;
  void on_pool_lost(PoolClient& pool, const Error& why) override;
  void on_pool_left(PoolClient& pool) override;

  void ask();
  void ask_for(Asks asks);
  void ask_for_link();
  void ask_again(const Error& why, Duration at_least = {});
  bool asking() const { return round_ != nullptr || next_session_ != nullptr || retry_.armed(); }

  void open_link(HandshakeOutcome outcome);
  void open_pool(const ClassicGrant& grant, const std::string& peer_ip);
  void on_classic(const HandshakeOutcome& outcome);
  void on_upgrade_lost(const Error& why);
  void tell_upgrade_lost(const char* what);
  void on_refused(const HandshakeAnswer& answer);
  void on_no_link_yet(const Error& why);
  void leave_old_session();
  void leave_pool();
  bool something_runs() const;
  void done_if_nothing_runs();
  void done(ExitCode code);

  const Options options_;
  Forwarding& forwarding_;
  Runtime& runtime_;
  Status& status_;
  Network& network_;
  const std::shared_ptr<TlsContext> tls_;
  const Random random_;
  Owner& owner_;

  Backoff backoff_;
  KnownBrokers known_;
  MemberTimer<Agent, &Agent::ask> retry_{*this};
  MemberTimer<Agent, &Agent::ask_for_link> look_for_link_{*this};  // while the pool of a classic server stands
  std::unique_ptr<HandshakeRound> round_;
  std::unique_ptr<Session> next_session_;               // a link whose tunnel does not stand yet
  std::unique_ptr<Session> session_;                    // the link; while the broker drains, the old one
  std::vector<std::unique_ptr<Session>> old_sessions_;  // with visitors that are not done yet
  std::unique_ptr<PoolClient> pool_;
  ClassicGrant grant_;                                  // of pool_
  std::vector<std::unique_ptr<PoolClient>> old_pools_;  // left for a link, with visitors that are not done yet

  std::string name_;           // that we had last; empty: none yet, or none that can be asked for
  std::string resume_token_;   // ... and what proves it
  Duration drain_deadline_{};  // of session_, while the broker drains
  TimePoint ghost_until_{};    // the broker may hold name_ for a request of ours whose answer did not come
  int upgrades_lost_ = 0;      // in a row
  bool was_up_ = false;        // a tunnel stood at some time
  // What a person was told, once until a link stands again.
  bool said_fallback_ = false;
  bool said_downgrade_ = false;
  bool said_upgrade_lost_ = false;
  bool said_remote_ip_ = false;
  bool stopping_ = false;
  bool done_ = false;
};

}  // namespace tenfold
