// LinkKeeper: keeps one link to the broker that carries all tunnels of the agent. Connects with a backoff, registers
// the tunnels, and reconnects when the link is lost, with the same names.
//
//   asking -> link (Session) -> asking       lost, or the broker drains
//          -> waiting -> asking              no answer, a fault, "not now"
//          -> on_classic_answer()            a classic server: the agent takes its pools, or says ask_again()
//          -> on_link_refused()              permanently
//
// The handshake asks for one tunnel; the others are requested on the link that it opens. To the broker all are equal,
// so if one name is refused, the next tunnel's name is tried.
//
// When the broker drains, the old link stays until every tunnel has its answer on the next one, and ends with its last
// visitor. While pools of a classic server are in use, a link is tried periodically.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/links/backoff.h"
#include "agent/links/broker_side.h"
#include "agent/links/handshake_round.h"
#include "agent/links/session.h"

namespace tenfold {

class LinkKeeper final : public HandshakeRound::Owner, public Session::Owner {
 public:
  class Owner {
   public:
    // Called before the tunnel is reported as standing on the link.
    virtual void on_tunnel_on_link(Tunnel& tunnel) = 0;
    // The server answered for `tunnel` as a classic one, with a grant.
    virtual void on_classic_answer(Tunnel& tunnel, const HandshakeOutcome& outcome) = 0;
    // No link is possible for any tunnel, permanently; the last event.
    virtual void on_link_refused(const std::string& code, const std::string& message) = 0;
    // One tunnel is refused permanently, or was ended by the broker, and others are left.
    virtual void on_tunnel_refused(Tunnel& tunnel, const std::string& code, const std::string& message) = 0;
    // Whether this agent has just slept, which explains the event about to be reported. on_slept() was called if so.
    virtual bool look_for_sleep() = 0;
    // After stop(): a link has ended.
    virtual void on_link_ended() = 0;

   protected:
    ~Owner() = default;
  };

  // `only_links`: a classic answer counts as a refusal. `tunnels` outlive the keeper.
  LinkKeeper(BrokerSide& side, std::vector<Tunnel*> tunnels, bool only_links, Owner& owner);
  ~LinkKeeper();

  // Connects now, unless it already does.
  void ask();
  // ... after the backoff and at least `at_least`, because of `why`.
  void ask_again(const Error& why, Duration at_least = {});
  // A pool is up: a link is tried periodically.
  void on_pool_up();
  // The last pool is gone, and no tunnel is up.
  void on_pools_lost(const Error& why);
  // Registers the tunnels that are not on the link.
  void register_missing();

  // This agent slept: the link is dead, or about to be. Dials now, and leaves the old link when the next one is up.
  void on_slept();

  bool has_link() const { return session_ != nullptr; }
  // Gives up the names, and finishes current requests within limits::drain_time.
  void stop();
  bool runs() const { return session_ != nullptr || outgoing_ != nullptr || !old_sessions_.empty(); }

 private:
  void on_round_done(HandshakeRound& round, HandshakeOutcome outcome) override;
  void on_session_registered(Session& session, Tunnel& tunnel, const Granted& granted) override;
  void on_session_refused(Session& session, Tunnel& tunnel, const std::string& code,
                          const std::string& message) override;
  void on_session_unregistered(Session& session, Tunnel& tunnel, const std::string& code,
                               const std::string& message) override;
  void on_session_unanswered(Session& session, Tunnel& tunnel) override;
  void on_session_draining(Session& session, Duration deadline) override;
  void on_session_closed(Session& session, const Error& why) override;

  bool asking() const { return round_ != nullptr || next_session_ != nullptr || retry_.armed(); }
  Tunnel* choose_lead();
  bool another_is_left(const Tunnel& tunnel) const;
  void open_link(HandshakeOutcome outcome);
  void promote();
  void leave_outgoing();
  void on_classic(const HandshakeOutcome& outcome);
  void on_upgrade_lost(const Error& why);
  void tell_upgrade_lost(const char* what);
  void on_refused(const HandshakeAnswer& answer);
  void on_no_link_yet(const Error& why);

  BrokerSide& side_;
  Runtime& runtime_;
  Status& status_;
  const std::vector<Tunnel*> tunnels_;
  const bool only_links_;
  Owner& owner_;

  Backoff backoff_;
  MemberTimer<LinkKeeper, &LinkKeeper::ask> retry_{*this};
  MemberTimer<LinkKeeper, &LinkKeeper::ask> look_for_link_{*this};  // while pools of a classic server are in use
  MemberTimer<LinkKeeper, &LinkKeeper::register_missing> register_{*this};
  Tunnel* lead_ = nullptr;  // the tunnel that round_ or next_session_ asks for
  std::unique_ptr<HandshakeRound> round_;
  std::unique_ptr<Session> next_session_;               // a link whose tunnel is not up yet
  std::unique_ptr<Session> session_;                    // the link
  std::unique_ptr<Session> outgoing_;                   // the previous link, until no tunnel waits for an answer
  std::vector<std::unique_ptr<Session>> old_sessions_;  // with visitors that are not finished
  Duration drain_deadline_{};                           // for a link that the broker drains
  bool slept_ = false;                                  // since session_ was opened
  int upgrades_lost_ = 0;                               // in a row
  // Messages that were shown; reset when a link is up.
  bool said_fallback_ = false;
  bool said_downgrade_ = false;
  bool said_upgrade_lost_ = false;
  bool stopping_ = false;
};

}  // namespace tenfold
