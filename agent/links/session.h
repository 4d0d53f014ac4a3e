// Session: one link to the broker, from the 101 to its end: its control messages, the tunnels that stand on it, and a
// forwarder for each of its streams, to the target of the tunnel that the stream names.
//
//   session = std::make_unique<Session>(side, std::move(pipe), first_tunnel, owner);
//   session->start(early);
//   on_session_registered(*session, first_tunnel, …)    // the handshake's tunnel stands
//   session->ask_for(another);
//   on_session_registered / on_session_refused(*session, another, …)
//   session->leave(30s)                      // takes no new visitor, ends with its last one
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

struct Registration {
  std::string name;
  std::string url;           // the best of its public ones
  std::string resume_token;  // gives the name back after a lost link
};

class Session final : public Link::Handler, public Forwarder::Owner {
 public:
  class Owner {
   public:
    // The tunnel stands. The handshake's is the first, and no other is asked for before.
    virtual void on_session_registered(Session& session, Tunnel& tunnel, const Registration& registration) = 0;
    // A tunnel that was asked for is not granted; the link goes on.
    virtual void on_session_refused(Session& session, Tunnel& tunnel, const std::string& code,
                                    const std::string& message) = 0;
    // ... or has no answer after rules::dial_time. One may come yet.
    virtual void on_session_unanswered(Session& session, Tunnel& tunnel) = 0;
    // The broker takes no new visitor on this link: dial again. At most once.
    virtual void on_session_draining(Session& session, Duration deadline) = 0;
    virtual void on_session_closed(Session& session, const Error& why) = 0;

   protected:
    ~Owner() = default;
  };

  // `tunnel`: the handshake's.
  Session(BrokerSide& side, std::unique_ptr<Duplex> pipe, Tunnel& tunnel, Owner& owner);
  ~Session();

  void start(Bytes early);

  // Asks for one tunnel more.
  void ask_for(Tunnel& tunnel);
  // Whether it stands here, or was asked for and has no answer.
  bool has(const Tunnel& tunnel) const;
  bool awaits_answer() const { return awaited_ != 0; }

  // Says Goodbye: the names are free at once.
  void say_goodbye();
  // No new stream; closes with the last one, or after `deadline`.
  void leave(Duration deadline);

 private:
  // A tunnel on this link.
  struct Seat {
    Tunnel& tunnel;
    std::uint32_t request_id;  // 0: the handshake's
    bool registered = false;
    bool late = false;  // no answer in time
  };

  void on_link_stream(std::unique_ptr<LinkStream> stream) override;
  void on_control(const control::ControlMessage& message) override;
  void on_link_output() override {}  // the driver's affair
  void on_link_draining() override;
  void on_link_closed(const Error& why) override;
  void on_forwarder_done(Forwarder& forwarder, const Error& why) override;

  void serve(std::unique_ptr<LinkStream> stream);
  void refuse(LinkStream& stream);
  void serve_early();
  void on_registered(const control::ControlMessage& message);
  void on_refused(const control::ControlMessage& message);
  Seat* seat_of(std::uint32_t request_id);
  void answered(Seat& seat);
  void tell_draining(Duration deadline);
  void on_deadline();
  void on_answers_late();

  BrokerSide& side_;
  Runtime& runtime_;
  Owner& owner_;
  std::vector<std::unique_ptr<Seat>> seats_;           // at most one a tunnel of the agent's; a refused one has none
  std::map<std::string, Seat*, std::less<>> by_name_;  // those that are registered: the only names that are served
  std::unordered_map<const Forwarder*, std::unique_ptr<Forwarder>> forwarders_;
  std::vector<std::unique_ptr<LinkStream>> early_;  // for tunnels that may be registered yet; the link limits how many
  FloodBucket refusal_lines_{rules::broker_lines_burst, rules::broker_lines_rate};
  std::size_t refusals_left_out_ = 0;  // of the log, since the last line
  std::uint32_t last_request_ = 0;
  std::size_t awaited_ = 0;  // seats without an answer that are not late
  bool up_ = false;          // the handshake's tunnel stands
  bool draining_ = false;    // the owner was told
  bool leaving_ = false;
  MemberTimer<Session, &Session::on_deadline> deadline_{*this};         // for Registered, then for leave()
  MemberTimer<Session, &Session::on_answers_late> answers_due_{*this};  // for the other tunnels' answers
  std::unique_ptr<DrivenLink> link_;
};

}  // namespace tenfold
