// Agent: keeps one tunnel standing until it is told to stop. Asks the broker, holds the link or the pool that comes of
// it, and starts over with a backoff when that is lost, for the same name again.
//
//   asking -> link (Session)      a broker that speaks tenfold/1
//          -> pool (PoolClient)   a classic server, or no --mux
//          -> waiting -> asking   nobody there, a fault, "not now"
//          -> done(3)             refused for good
//
// When the broker drains, the old link stays while the next one is asked for, and ends with its last visitor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/backoff.h"
#include "agent/classic/pool_client.h"
#include "agent/forwarder.h"
#include "agent/handshake_call.h"
#include "agent/network.h"
#include "agent/options.h"
#include "agent/session.h"

namespace tenfold {

enum class ExitCode {
  stopped = 0,
  usage = 2,
  refused = 3,
};

class Agent final : public HandshakeCall::Owner, public Session::Owner, public PoolClient::Owner {
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
  void on_handshake_done(HandshakeCall& call, HandshakeOutcome outcome) override;
  void on_session_registered(Session& session, const Registration& registration) override;
  void on_session_draining(Session& session, Duration deadline) override;
  void on_session_closed(Session& session, const Error& why) override;
  void on_pool_ready(PoolClient& pool) override;
  void on_pool_lost(PoolClient& pool, const Error& why) override;
  void on_pool_left(PoolClient& pool) override;

  void ask(bool upgrade);
  void ask_anew() { ask(options_.mux != Mux::off); }
  void ask_again(const Error& why, Duration at_least = {});
  bool asking() const { return call_ != nullptr || next_session_ != nullptr || retry_.armed(); }

  void open_link(HandshakeOutcome outcome);
  void open_pool(const ClassicGrant& grant, const std::string& peer_ip);
  void on_no_upgrade(const std::string& why);
  void on_refused(const HandshakeAnswer& answer);
  void leave_old_session();
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
  MemberTimer<Agent, &Agent::ask_anew> retry_{*this};
  std::unique_ptr<HandshakeCall> call_;
  std::unique_ptr<Session> next_session_;               // a link whose tunnel does not stand yet
  std::unique_ptr<Session> session_;                    // the link; while the broker drains, the old one
  std::vector<std::unique_ptr<Session>> old_sessions_;  // with visitors that are not done yet
  std::unique_ptr<PoolClient> pool_;
  ClassicGrant grant_;  // of pool_

  std::string name_;           // that we had last; empty: none yet, or none that can be asked for
  std::string resume_token_;   // ... and what proves it
  Duration drain_deadline_{};  // of session_, while the broker drains
  int upgrades_refused_ = 0;   // in a row
  bool was_up_ = false;        // a tunnel stood at some time
  bool spoke_mux_ = false;     // this broker did, at some time
  bool said_fallback_ = false;
  bool said_remote_ip_ = false;
  bool stopping_ = false;
  bool done_ = false;
};

}  // namespace tenfold
