// Session: one link to the broker, from the 101 to its end: its control messages, the tunnels on it, and a forwarder
// for each stream, to the target of the tunnel that the stream names.
//
//   session = std::make_unique<Session>(side, std::move(pipe), first_tunnel, owner);
//   session->start(early);
//   on_session_registered(*session, first_tunnel, …)    // the handshake's tunnel is up
//   session->ask_for(another);
//   on_session_registered / on_session_refused(*session, another, …)
//   session->leave(30s)                      // accepts no new visitor, ends with its last one
//   on_session_closed(*session, why)         // the last event: bury it
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/forward/forwarder.h"
#include "agent/links/broker_side.h"
#include "agent/links/tunnel.h"
#include "agent/rules.h"
#include "agent/targets/network.h"
#include "base/flood_bucket.h"

namespace tenfold {

struct Granted {
  std::string name;
  std::string url;           // the preferred one of its public URLs
  std::string resume_token;  // recovers the name after a lost link
};

class Session final : public Link::Handler, public Forwarder::Owner {
 public:
  class Owner {
   public:
    // The tunnel is up. The handshake's is the first, and no other is requested before.
    virtual void on_session_registered(Session& session, Tunnel& tunnel, const Granted& granted) = 0;
    // A requested tunnel was not granted; the link continues.
    virtual void on_session_refused(Session& session, Tunnel& tunnel, const std::string& code,
                                    const std::string& message) = 0;
    // The broker has ended the tunnel, which was up; the link continues.
    virtual void on_session_unregistered(Session& session, Tunnel& tunnel, const std::string& code,
                                         const std::string& message) = 0;
    // A requested tunnel was not answered within rules::dial_time. The answer may still come.
    virtual void on_session_unanswered(Session& session, Tunnel& tunnel) = 0;
    // The broker accepts no new visitor on this link: dial again. At most once.
    virtual void on_session_draining(Session& session, Duration deadline) = 0;
    virtual void on_session_closed(Session& session, const Error& why) = 0;

   protected:
    ~Owner() = default;
  };

  // `tunnel`: the handshake's.
  Session(BrokerSide& side, std::unique_ptr<Duplex> pipe, Tunnel& tunnel, Owner& owner);
  ~Session();

  void start(Bytes early);

  // Requests one more tunnel.
  void ask_for(Tunnel& tunnel);
  // Whether it is up here, or was requested and not answered yet.
  bool has(const Tunnel& tunnel) const;
  bool awaits_answer() const { return awaited_ != 0; }

  // Sends Goodbye: the names are free at once.
  void say_goodbye();
  // Refuses new streams; closes with the last stream, or after `deadline`.
  void leave(Duration deadline);
  // The same after rules::moved_grace: all tunnels stand on another link, and the broker of this one may not know yet.
  void leave_soon(Duration deadline);

 private:
  // A tunnel on this link.
  struct Seat {
    Tunnel& tunnel;
    std::uint32_t request_id;  // 0: the handshake's
    bool registered = false;
    bool late = false;  // not answered in time
  };

  void on_link_stream(std::unique_ptr<LinkStream> stream) override;
  void on_control(const control::ControlMessage& message) override;
  void on_link_output() override {}  // handled by the driver
  void on_link_draining() override;
  void on_link_closed(const Error& why) override;
  void on_forwarder_done(Forwarder& forwarder, const Error& why) override;

  void serve(std::unique_ptr<LinkStream> stream);
  void refuse(LinkStream& stream);
  void serve_early();
  void on_registered(const control::ControlMessage& message);
  void on_refused(const control::ControlMessage& message);
  void on_unregistered(const control::ControlMessage& message);
  Seat* seat_of(std::uint32_t request_id);
  void answered(Seat& seat);
  void tell_draining(Duration deadline);
  void on_deadline();
  void on_moved() { leave(leave_deadline_); }
  void on_answers_late();

  BrokerSide& side_;
  Runtime& runtime_;
  Owner& owner_;
  std::vector<std::unique_ptr<Seat>> seats_;           // at most one per tunnel of the agent; a refused one has none
  std::map<std::string, Seat*, std::less<>> by_name_;  // the registered ones: only these names are served
  std::unordered_map<const Forwarder*, std::unique_ptr<Forwarder>> forwarders_;
  std::vector<std::unique_ptr<LinkStream>> early_;  // for tunnels that may still be registered; the link limits their
                                                    // number
  FloodBucket refusal_lines_{rules::broker_lines_burst, rules::broker_lines_rate};
  std::size_t refusals_left_out_ = 0;  // not logged since the last line
  std::uint32_t last_request_ = 0;
  std::size_t awaited_ = 0;  // unanswered seats that are not late
  bool up_ = false;          // the handshake's tunnel is up
  bool draining_ = false;    // the owner was told
  bool leaving_ = false;
  Duration leave_deadline_{};  // of leave_soon()
  MemberTimer<Session, &Session::on_moved> moved_{*this};
  MemberTimer<Session, &Session::on_deadline> deadline_{*this};         // for Registered, then for leave()
  MemberTimer<Session, &Session::on_answers_late> answers_due_{*this};  // for the answers about the other tunnels
  std::unique_ptr<DrivenLink> link_;
};

}  // namespace tenfold
