// ClassicTunnel: a tunnel whose pipes are plain sockets that the client opened: its pool. docs/CLASSIC.md, "Pool".
// Pure: each socket comes as a Duplex.
//
//   unclaimed -> live <-> empty -> over
//
// It is over if no socket comes within rules::claim_window, if it stays empty for rules::classic_empty, or if another
// tunnel takes its name.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "broker/admission/address_counts.h"
#include "broker/rules.h"
#include "broker/tunnels/idle_pipes.h"
#include "broker/tunnels/tunnel.h"
#include "broker/tunnels/waiting_room.h"

namespace tenfold::broker {

class ClassicTunnel final : public Tunnel, private IdlePipes::Owner {
 public:
  class Owner {
   public:
    // The client is gone: close its port and drop the tunnel. The cause is for the log: unclaimed, empty, replaced or
    // killed.
    virtual void on_classic_over(ClassicTunnel& tunnel, std::string_view cause) = 0;

    // The client's IP.
    virtual std::string_view client_ip(const ClassicTunnel& tunnel) const = 0;

    // The number of sockets changed.
    virtual void on_classic_sockets(ClassicTunnel& tunnel) = 0;

   protected:
    ~Owner() = default;
  };

  ClassicTunnel(Runtime& runtime, std::string name, std::size_t max_conn, Owner& owner);

  // A socket from the client. Beyond max_conn it is parked unread and keeps its ticket; beyond the parking limit it is
  // closed.
  void add_socket(std::unique_ptr<Duplex> socket, AddressCounts::Ticket parked_ticket = {});
  // The next socket would be parked.
  bool is_full() const { return connected() >= max_conn_; }
  // All open sockets, parked ones included.
  std::size_t sockets() const { return connected() + parked_.size(); }
  // A socket has come.
  bool is_claimed() const { return claimed_; }

  void open(Opening& opening) override;
  std::size_t connected() const override { return out_ + idle_.size(); }
  const char* kind() const override { return "classic"; }
  std::string_view agent_address() const override {
    return owner_ == nullptr ? std::string_view() : owner_->client_ip(*this);
  }
  std::size_t visitors_waiting() const override { return waiting_.size(); }
  void end_by_operator(std::string_view code) override { end(code); }

  // The owner is about to be destroyed: ends all waiting requests.
  void close();

 private:
  void take_back(std::unique_ptr<Duplex> pipe, Duration keep) override;
  void on_pipe_gone() override;
  void on_handed_over(bool same_agent) override;
  void on_idle_pipe_gone() override { on_place_free(); }
  // Whether the client has connected a socket to the app is not visible here.
  bool may_be_new_to_app(bool) const override { return true; }
  void on_app_stuck() override { idle_.discard_all(); }
  bool someone_waits() const override { return waiting_.size() != 0; }
  struct Parked {
    std::unique_ptr<Duplex> socket;
    AddressCounts::Ticket ticket;
  };
  void on_place_free();
  void note_sockets();
  void serve_soon();
  void serve_waiting();
  void on_empty();
  void end(std::string_view cause);

  const std::size_t max_conn_;
  Owner* owner_;  // null when over
  IdlePipes idle_;
  WaitingRoom waiting_;
  std::deque<Parked> parked_;
  std::size_t out_ = 0;   // sockets in use by requests
  bool claimed_ = false;  // a socket has come
  MemberTimer<ClassicTunnel, &ClassicTunnel::serve_waiting> serve_timer_{*this};
  MemberTimer<ClassicTunnel, &ClassicTunnel::on_empty> empty_timer_{*this};
};

}  // namespace tenfold::broker
