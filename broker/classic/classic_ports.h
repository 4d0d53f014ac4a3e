// ClassicPorts: the classic tunnels and the TCP port of each. A socket carries no credential, so a port accepts only
// those from the address that asked for the tunnel. Ports and sockets have their own share of the process's
// descriptors, so that they take none from the visitors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/admission/address_counts.h"
#include "broker/admission/admission.h"
#include "broker/classic/classic_tunnel.h"
#include "broker/rules.h"
#include "broker/tunnels/grant.h"
#include "broker/tunnels/registry.h"
#include "io/loop.h"
#include "io/tcp_listener.h"

namespace tenfold::broker {

struct ClassicOptions {
  std::string bind_ip;         // the address of the ports; empty: every address
  std::uint16_t port_low = 0;  // both 0: chosen by the system
  std::uint16_t port_high = 0;
  std::size_t max_conn = rules::classic_sockets;
  std::size_t descriptors = 1024;  // for ports and sockets together
  bool any_address = false;        // accept sockets from any address
};

class ClassicPorts final : public ClassicDoor, private ClassicTunnel::Owner {
 public:
  ClassicPorts(Loop& loop, const ClassicOptions& options, Registry& registry, Admission& admission,
               AddressCounts& addresses)
      : loop_(loop),
        options_(options),
        registry_(registry),
        admission_(admission),
        addresses_(addresses),
        next_port_(options.port_low) {}
  ~ClassicPorts();

  Result<std::uint16_t> open_classic(const Claim& claim, std::string_view client_ip, std::string_view token) override;
  std::size_t max_conn() const override { return options_.max_conn; }

  // Ends the tunnels that were asked for with that operator's token (its name; empty: with none); current requests keep
  // their sockets. Returns their number.
  std::size_t end_tunnels_of(std::string_view token);

  // Closes every port; current requests keep their sockets.
  void drain();

 private:
  struct Seat {
    Claim claim;
    std::string client_ip;
    std::string token;  // of the operator; empty: none
    std::shared_ptr<ClassicTunnel> tunnel;
    std::unique_ptr<TcpListener> listener;
    std::size_t sockets = 0;  // its share of sockets_
    bool unclaimed = true;    // ... and of unclaimed_
  };

  void on_socket(ClassicTunnel& tunnel, std::string_view asker, std::unique_ptr<TcpSocket> socket);
  void on_classic_sockets(ClassicTunnel& tunnel) override;
  std::string_view client_ip(const ClassicTunnel& tunnel) const override;
  void count(Seat& seat, std::size_t sockets, bool unclaimed);
  std::size_t descriptors_taken() const { return seats_.size() + sockets_; }

  void on_classic_over(ClassicTunnel& tunnel, std::string_view cause) override;
  Result<std::unique_ptr<TcpListener>> listen(const TcpListener::OnAccept& on_accept);

  Loop& loop_;
  const ClassicOptions options_;
  Registry& registry_;
  Admission& admission_;
  AddressCounts& addresses_;
  std::unordered_map<const ClassicTunnel*, Seat> seats_;
  std::size_t sockets_ = 0;                                 // of all seats
  std::unordered_map<std::string, std::size_t> unclaimed_;  // ports without a first socket, by the asker's address
                                                            // group
  std::uint16_t next_port_;                                 // where the search in the range continues
};

}  // namespace tenfold::broker
