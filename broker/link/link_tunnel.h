// LinkTunnel: a tunnel whose pipes are streams of an agent's link.
#pragma once

#include <string>

#include "broker/tunnels/idle_pipes.h"
#include "broker/tunnels/tunnel.h"
#include "broker/tunnels/waiting_room.h"
#include "mux/link.h"

namespace tenfold::broker {

class LinkTunnel final : public Tunnel, private IdlePipes::Owner {
 public:
  class Owner {
   public:
    // The name has gone to another tunnel.
    virtual void on_link_tunnel_replaced(LinkTunnel& tunnel) = 0;

   protected:
    ~Owner() = default;
  };

  // `link` is borrowed until detach(), `owner` until leave().
  LinkTunnel(Runtime& runtime, std::string name, Link& link, Owner* owner = nullptr);

  void open(Opening& opening) override;
  std::size_t connected() const override { return out_ + idle_.size(); }
  bool has_agent() const override { return link_ != nullptr; }
  const char* kind() const override { return "mux"; }

  // The link is gone, or takes no new stream: whoever waits is turned away.
  void detach();
  // The same, and the owner hears no more of it.
  void leave();

 private:
  void take_back(std::unique_ptr<Duplex> pipe, Duration keep) override;
  void on_pipe_gone() override;
  void on_handed_over() override;
  void on_idle_pipe_gone() override { serve_soon(); }
  bool tells_unbegun() const override { return true; }
  bool agent_gone() const override { return link_ == nullptr || link_->closed(); }
  void on_app_stuck() override { idle_.discard_all(); }
  bool someone_waits() const override { return waiting_.size() != 0; }
  bool serve(Opening& opening);
  void serve_soon();
  void serve_waiting();

  Link* link_;
  Owner* owner_;
  IdlePipes idle_;
  WaitingRoom waiting_;
  std::size_t out_ = 0;  // streams on loan
  MemberTimer<LinkTunnel, &LinkTunnel::serve_waiting> serve_timer_{*this};
};

}  // namespace tenfold::broker
