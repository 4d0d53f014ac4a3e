// RemoteTunnel: a tunnel that stands on another replica. Its pipes are streams of the peer link to that one.
//
// The other replica may answer that the tunnel is not there any more, or that its rules are other ones than the visitor
// was checked against. Then the registry is told to forget what it knew, and the visitor, of whose request nothing was
// begun, asks once more: this tunnel looks the name up and hands him to the one that is found, if that one's rules are
// those that he was checked against. So does a tunnel whose place is not known yet: one that took a local tunnel's
// name.
//
// Held by the registry that learned of it, and by requests; on the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "broker/cluster/peer_links.h"
#include "broker/link/link_tunnel.h"
#include "broker/tunnels/registry.h"
#include "broker/tunnels/tunnel.h"
#include "broker/tunnels/waiting_room.h"

namespace tenfold::broker {

class RemoteTunnel final : public Tunnel, private PeerLink::User, private LinkTunnel::Owner {
 public:
  // Where it stands, and which rules the registry has for it.
  struct Place {
    ReplicaId replica{};
    std::string address{};     // of its peers' door; empty: not known, to be looked up
    std::uint64_t policy = 0;  // policy_version()
  };

  // `links` and `registry` outlive it.
  RemoteTunnel(Runtime& runtime, std::string name, PeerLinks& links, Place place, Registry& registry);
  ~RemoteTunnel() override;

  void open(Opening& opening) override;
  std::size_t connected() const override { return way_ == nullptr ? 0 : way_->connected(); }
  bool has_agent() const override { return true; }
  const char* kind() const override { return "peer"; }

  const Place& place() const { return place_; }

 private:
  class Question final : public Registry::Lookup {
   public:
    explicit Question(RemoteTunnel& tunnel) : tunnel_(tunnel) {}
    void on_found(NameTable::Found found) override { tunnel_.on_found(found); }
    void on_registry_away() override { tunnel_.on_registry_away(); }

   private:
    RemoteTunnel& tunnel_;
  };

  // Its pipes are the way's, and go back there.
  void take_back(std::unique_ptr<Duplex> pipe, Duration) override { runtime().graveyard.bury(std::move(pipe)); }
  void on_pipe_gone() override {}
  void on_app_stuck() override {}
  bool someone_waits() const override { return waiting_.size() != 0; }

  void on_peer_up(LinkPipes& pipes) override;
  void on_peer_failed(const Error& why) override;
  void on_peer_lost() override;

  void on_link_tunnel_replaced(LinkTunnel&, bool) override {}
  void on_link_tunnel_killed(LinkTunnel&, std::string_view) override {}
  std::string_view agent_address() const override { return place_.address; }
  void on_link_tunnel_misdirected(LinkTunnel& way) override;

  void take_way(LinkPipes& pipes);
  void open_on_way(Opening& opening);
  // The registry is asked again.
  void ask(Opening& opening);
  void hand_on(const NameTable::Found& found, Opening& opening);
  void on_found(const NameTable::Found& found);
  void on_registry_away();

  PeerLinks& links_;
  const Place place_;
  Registry& registry_;
  std::shared_ptr<LinkTunnel> way_;  // null: no link
  WaitingRoom waiting_;              // for the link
  bool unlearned_ = false;           // the other replica has said that it is not there, or other than thought
  Question question_{*this};
  WaitingRoom asking_;  // for the registry's answer
};

}  // namespace tenfold::broker
