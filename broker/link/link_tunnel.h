// LinkTunnel: a tunnel whose pipes are streams of an agent's link, which it shares with the link's other tunnels.
#pragma once

#include <cstdint>
#include <string>

#include "broker/link/link_pipes.h"
#include "broker/rules.h"
#include "broker/tunnels/idle_pipes.h"
#include "broker/tunnels/tunnel.h"
#include "broker/tunnels/waiting_room.h"

namespace tenfold::broker {

class LinkTunnel final : public Tunnel, private IdlePipes::Owner, private LinkPipes::Member {
 public:
  class Owner {
   public:
    // The name has gone to another tunnel, of the same agent or of another one.
    virtual void on_link_tunnel_replaced(LinkTunnel& tunnel, bool same_agent) = 0;
    // The operator ends it; `code`: killed or banned.
    virtual void on_link_tunnel_killed(LinkTunnel& tunnel, std::string_view code) = 0;
    // IP:PORT of the agent.
    virtual std::string_view agent_address() const = 0;
    // Another replica has said that the tunnel is not there, or that its rules are other ones.
    virtual void on_link_tunnel_misdirected(LinkTunnel& /*tunnel*/) {}

   protected:
    ~Owner() = default;
  };

  // What differs between an agent's link and another replica's.
  struct Far {
    Origin origin = Origin::agent;          // of failures
    std::uint64_t policy = 0;               // StreamTarget::policy
    Duration idle = rules::idle_pipe_time;  // of a pipe that is kept
  };

  // `pipes` is borrowed until detach(), `owner` until leave().
  LinkTunnel(Runtime& runtime, std::string name, LinkPipes& pipes, Owner* owner = nullptr);
  LinkTunnel(Runtime& runtime, std::string name, LinkPipes& pipes, Owner* owner, const Far& far);
  ~LinkTunnel() override;

  void open(Opening& opening) override;
  std::size_t connected() const override { return out_ + idle_.size(); }
  bool has_agent() const override { return pipes_ != nullptr; }
  const char* kind() const override { return "mux"; }
  std::string_view agent_address() const override {
    return owner_ == nullptr ? std::string_view() : owner_->agent_address();
  }
  std::size_t visitors_waiting() const override { return waiting_.size(); }
  void end_by_operator(std::string_view code) override {
    if (owner_ != nullptr) owner_->on_link_tunnel_killed(*this, code);
  }

  // The link is gone, or takes no new stream: visitors who wait are turned away.
  void detach();
  // The same, and the owner hears no more of it.
  void leave();

  // The link has ended, or takes no new stream.
  bool link_gone() const { return pipes_ == nullptr || pipes_->link_closed(); }

 private:
  void take_back(std::unique_ptr<Duplex> pipe, Duration keep) override;
  void on_pipe_gone() override { --out_; }
  void on_handed_over(bool same_agent) override;
  void on_idle_pipe_gone() override {}
  bool tells_unbegun() const override { return true; }
  Duration round_trip() const override { return pipes_ == nullptr ? Duration::zero() : pipes_->round_trip(); }
  bool agent_gone() const override { return link_gone(); }
  Error on_pipe_lost(const Error& why) override;
  void on_app_stuck() override { idle_.discard_all(); }
  bool someone_waits() const override { return pipes_ != nullptr && pipes_->someone_waits(); }

  std::size_t streams_on_loan() const override { return out_; }
  bool serve_first() override;
  TimePoint standing_since() const override { return watch().standing_since(); }
  void make_room() override { watch().make_room(); }
  void evict_first() override { watch().evict_first(); }

  // False: no pipe for it now.
  bool serve(Opening& opening);
  Error gone() const;

  LinkPipes* pipes_;
  Owner* owner_;
  const Far far_;
  IdlePipes idle_;
  WaitingRoom waiting_;
  std::size_t out_ = 0;  // streams on loan
};

}  // namespace tenfold::broker
