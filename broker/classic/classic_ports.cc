#include "broker/classic/classic_ports.h"

#include <utility>

#include "base/limits.h"

namespace tenfold::broker {

ClassicPorts::~ClassicPorts() { drain(); }

Result<std::uint16_t> ClassicPorts::open_classic(const Claim& claim, std::string_view client_ip) {
  ClassicTunnel::Owner& owner = *this;
  auto tunnel = std::make_shared<ClassicTunnel>(loop_.runtime(), claim.name, options_.max_conn, owner);
  // The listener goes before the tunnel does, in on_classic_over() or drain().
  ClassicTunnel* seat_tunnel = tunnel.get();
  auto listener =
      listen([seat_tunnel](std::unique_ptr<TcpSocket> socket) { seat_tunnel->add_socket(std::move(socket)); });
  if (!listener) return listener.error();
  const std::uint16_t port = (*listener)->port();
  registry_.attach(claim, tunnel);
  admission_.on_tunnel_up(client_ip);
  loop_.runtime().log.info("tunnel-up",
                           {{"name", claim.name}, {"kind", "classic"}, {"port", port}, {"from", client_ip}});
  seats_[seat_tunnel] = Seat{claim, std::string(client_ip), std::move(tunnel), *std::move(listener)};
  return port;
}

Result<std::unique_ptr<TcpListener>> ClassicPorts::listen(const TcpListener::OnAccept& on_accept) {
  if (options_.port_low == 0) return TcpListener::open(loop_, {options_.bind_ip, 0}, on_accept);
  const int width = options_.port_high - options_.port_low + 1;
  for (int tried = 0; tried < width; ++tried) {
    const std::uint16_t port = next_port_;
    next_port_ = port == options_.port_high ? options_.port_low : static_cast<std::uint16_t>(port + 1);
    if (auto listener = TcpListener::open(loop_, {options_.bind_ip, port}, on_accept)) return listener;
  }
  return Error{ErrorKind::limit, "no port of the classic range is free"};
}

void ClassicPorts::on_classic_over(ClassicTunnel& tunnel, std::string_view cause) {
  const auto found = seats_.find(&tunnel);
  if (found == seats_.end()) return;
  Seat seat = std::move(found->second);
  seats_.erase(found);
  loop_.runtime().log.info("tunnel-down", {{"name", seat.claim.name}, {"kind", "classic"}, {"cause", cause}});
  registry_.release(seat.claim);
  admission_.on_tunnel_down(seat.client_ip);
  loop_.runtime().graveyard.bury(std::make_unique<Seat>(std::move(seat)));
}

void ClassicPorts::drain() {
  for (auto& [key, seat] : seats_) {
    seat.listener = nullptr;
    seat.tunnel->close();
    registry_.release(seat.claim);
  }
  seats_.clear();
}

}  // namespace tenfold::broker
