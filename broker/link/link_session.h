// LinkSession: the broker's end of one agent's link: the tunnels that it carries, and what the two say on the control
// stream. docs/PROTOCOL.md, "Control".
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/admission/admission.h"
#include "broker/link/link_pipes.h"
#include "broker/link/link_tunnel.h"
#include "broker/rules.h"
#include "broker/tunnels/grant.h"
#include "broker/tunnels/registry.h"
#include "broker/tunnels/resume_token.h"
#include "io/link_driver.h"
#include "io/loop.h"

namespace tenfold::broker {

struct LinkSide {
  Loop& loop;
  Registry& registry;
  Admission& admission;
  const ResumeTokens& resume_tokens;
  std::string server_id;
  std::size_t memory_limit = std::numeric_limits<std::size_t>::max();  // MemoryGuard's, in bytes
  Duration tokens_renewed_every = rules::resume_token_life / 2;
};

class LinkSession final : private Link::Handler, private LinkTunnel::Owner {
 public:
  class Owner {
   public:
    // The last event: bury the session.
    virtual void on_link_session_closed(LinkSession& session) = 0;

   protected:
    ~Owner() = default;
  };

  LinkSession(const LinkSide& side, Owner& owner, std::unique_ptr<Duplex> connection, LinkGrant grant,
              std::string address);
  ~LinkSession();

  // Tells the agent of its first tunnel; `early` came behind the handshake.
  void start(Bytes early);

  // Asks the agent to dial again; the link takes new streams until drain().
  void announce_drain(Duration deadline);
  // No new stream; ends with the last one.
  void drain();

  // The token that it came with is worth nothing any more: ends its tunnels and, behind a word to the agent, the link.
  // Returns the number of tunnels.
  std::size_t revoke();
  const std::string& token() const { return grant_.token; }

  // Registered again for each tunnel, with a new resume token: at half the life of the former, and when keys rotate.
  void renew_tokens();

  // For the operator.
  const std::string& address() const { return address_; }  // IP:PORT of the agent
  const std::string& agent() const { return agent_; }      // what it calls itself, printable
  TimePoint since() const { return since_; }
  LinkStats stats() { return driver_.link().stats(); }
  std::vector<std::string> names() const;
  ErrorKind ended_by() const { return ended_by_; }

  // Link::squeeze().
  void squeeze(bool on) { driver_.link().squeeze(on); }
  // Of all its tunnels: see LinkPipes.
  TimePoint standing_since() const { return pipes_.standing_since(); }
  void evict_first() { pipes_.evict_first(); }

 private:
  struct Seat {
    Claim claim;
    Claimant who;
    std::shared_ptr<LinkTunnel> tunnel;
  };

  void on_link_stream(std::unique_ptr<LinkStream> stream) override;
  void on_control(const control::ControlMessage& message) override;
  void on_link_output() override {}
  void on_link_draining() override;
  void on_link_room() override;
  void on_link_closed(const Error& why) override;
  void on_link_tunnel_replaced(LinkTunnel& tunnel, bool same_agent) override;
  void on_link_tunnel_killed(LinkTunnel& tunnel, std::string_view code) override;
  std::string_view agent_address() const override { return address_; }

  // A Register that waits for its name.
  class Seating;

  void on_register(std::uint32_t request_id, Registration asked);
  void end_seating(Seating& seating);
  void seat(const Claim& claim, Claimant who, std::uint32_t request_id, std::shared_ptr<const VisitorPolicy> policy);
  void unseat(const std::string& name, std::string_view cause);
  void refuse(std::uint32_t request_id, handshake::Refusal refusal, std::string_view detail = {});
  void let_go(const Seat& seat, std::string_view cause);
  void tell_unregistered(const std::string& name, std::string_view code, std::string_view message);
  std::string url_of(std::string_view name) const;

  const LinkSide& side_;
  Owner& owner_;
  const LinkGrant grant_;
  const std::string address_;
  const TimePoint since_;
  std::string agent_;
  ErrorKind ended_by_ = ErrorKind::none;
  LinkDriver driver_;
  LinkPipes pipes_;                              // of the seats' tunnels
  std::unordered_map<std::string, Seat> seats_;  // by name
  std::vector<std::unique_ptr<Seating>> seatings_;
  MemberTimer<LinkSession, &LinkSession::renew_tokens> renewal_{*this};
  bool draining_ = false;  // the link takes no new stream
};

}  // namespace tenfold::broker
