// PeerSession: one connection from another replica, from its handshake to its end. The other replica opens streams for
// its visitors; each is carried to a tunnel of this replica.
//
//   asking --request--> link --closed--> over
//      \___no such request, TLS refused, too late___/
//
// Owned by the PeerDoor, on the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/tunnels/name_table.h"
#include "duplex.h"
#include "http1/head_reader.h"
#include "io/link_driver.h"
#include "io/loop.h"

namespace tenfold::broker {

class PeerSession final : private Duplex::Handler, private Link::Handler {
 public:
  class Owner {
   public:
    // The last event: bury the session.
    virtual void on_peer_session_closed(PeerSession& session) = 0;

   protected:
    ~Owner() = default;
  };

  struct Side {
    Loop& loop;
    NameTable& names;  // of tunnels that stand on this replica
    const std::string server_id;
  };

  // `connection`: with TLS on it, whose handshake may still run. `from`: its IP:PORT, for the log.
  PeerSession(const Side& side, Owner& owner, std::unique_ptr<Duplex> connection, std::string from);
  ~PeerSession();

  void start();

  bool is_link() const { return driver_ != nullptr; }
  std::size_t streams() const { return carried_.size(); }
  const std::string& from() const { return from_; }

  // PeerDoor has these.
  void cut_stale(std::string_view name, std::uint64_t version, bool strict);
  void cut_streams_of(std::string_view name);
  void announce_drain(Duration deadline);

 private:
  // A stream, and the tunnel's pipe that it is joined with.
  class Carried;

  // The connection's events, until it is a link.
  void on_data(Bytes bytes) override;
  void on_end() override;
  void on_sent(std::size_t) override {}
  void on_closed(const Error& why) override;
  void on_deadline();

  // The link's events.
  void on_link_stream(std::unique_ptr<LinkStream> stream) override;
  void on_control(const control::ControlMessage& message) override;
  void on_link_output() override {}
  void on_link_draining() override {}
  void on_link_closed(const Error& why) override;

  void become_link(Bytes early);
  void refuse(std::string_view reason);
  void end(Carried& carried);
  template <typename Condition>
  void cut_if(Condition condition);

  const Side& side_;
  Owner& owner_;
  const std::string from_;
  std::unique_ptr<Duplex> connection_;  // until it is a link
  http1::HeadReader reader_{http1::HeadReader::Kind::request};
  bool refused_ = false;  // what still comes is of no use
  std::unique_ptr<LinkDriver> driver_;
  std::unordered_map<Carried*, std::unique_ptr<Carried>> carried_;
  MemberTimer<PeerSession, &PeerSession::on_deadline> deadline_{*this};  // of the handshake, or of its refusal
};

}  // namespace tenfold::broker
