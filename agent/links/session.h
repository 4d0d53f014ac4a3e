// Session: one link to the broker, from the 101 to its end: its control messages, and a forwarder for each of its
// streams.
//
//   session = std::make_unique<Session>(forwarding, network, std::move(pipe), owner);
//   session->start(early);
//   on_session_registered(*session, …)       // the tunnel stands
//   session->leave(30s)                      // takes no new visitor, ends with its last one
//   on_session_closed(*session, why)         // the last event: bury it
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/forward/forwarder.h"
#include "agent/targets/network.h"
#include "base/flood_bucket.h"
#include "base/limits.h"

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
    // At most once: the tunnel of the handshake stands.
    virtual void on_session_registered(Session& session, const Registration& registration) = 0;
    // The broker takes no new visitor on this link: dial again. At most once.
    virtual void on_session_draining(Session& session, Duration deadline) = 0;
    virtual void on_session_closed(Session& session, const Error& why) = 0;

   protected:
    ~Owner() = default;
  };

  Session(Forwarding& forwarding, Network& network, std::unique_ptr<Duplex> pipe, Owner& owner);
  ~Session();

  void start(Bytes early);

  // Says Goodbye: the names are free at once.
  void say_goodbye();
  // No new stream; closes with the last one, or after `deadline`.
  void leave(Duration deadline);

  bool registered() const { return registered_; }

 private:
  void on_link_stream(std::unique_ptr<LinkStream> stream) override;
  void on_control(const control::ControlMessage& message) override;
  void on_link_output() override {}  // the driver's affair
  void on_link_draining() override;
  void on_link_closed(const Error& why) override;
  void on_forwarder_done(Forwarder& forwarder, const Error& why) override;

  void serve(std::unique_ptr<LinkStream> stream);
  void on_registered(const control::ControlMessage& message);
  void tell_draining(Duration deadline);
  void on_deadline();

  Forwarding& forwarding_;
  Owner& owner_;
  std::unordered_map<const Forwarder*, std::unique_ptr<Forwarder>> forwarders_;
  std::vector<std::unique_ptr<LinkStream>> early_;  // opened before the tunnel stood; the link limits how many
  std::string name_;                                // of the tunnel, once it stands: the only one that is served
  FloodBucket refusal_lines_{limits::broker_lines_burst, limits::broker_lines_rate};
  std::size_t refusals_left_out_ = 0;  // of the log, since the last line
  bool registered_ = false;
  bool draining_ = false;  // the owner was told
  bool leaving_ = false;
  MemberTimer<Session, &Session::on_deadline> deadline_{*this};  // for Registered, then for leave()
  std::unique_ptr<DrivenLink> link_;
};

}  // namespace tenfold
