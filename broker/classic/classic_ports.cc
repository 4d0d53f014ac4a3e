#include "broker/classic/classic_ports.h"

#include <utility>

#include "broker/admission/client_address.h"
#include "broker/rules.h"

namespace tenfold::broker {
namespace {

// All loopback addresses are equal, as in may_be_client().
std::string asker_group(const std::string& ip) {
  const std::optional<AddressBytes> address = parse_address(ip);
  return address && is_loopback(*address) ? std::string("loopback") : address_group(ip);
}

}  // namespace

ClassicPorts::~ClassicPorts() { drain(); }

Result<std::uint16_t> ClassicPorts::open_classic(const Claim& claim, std::string_view client_ip,
                                                 std::string_view token) {
  if (descriptors_taken() >= options_.descriptors) {
    return Error{ErrorKind::limit, "classic ports and sockets have all the descriptors that they may have"};
  }
  const auto waiting = unclaimed_.find(asker_group(std::string(client_ip)));
  if (waiting != unclaimed_.end() && waiting->second >= rules::classic_unclaimed) {
    return Error{ErrorKind::limit, "too many ports of one address wait for their first socket"};
  }
  ClassicTunnel::Owner& owner = *this;
  auto tunnel = std::make_shared<ClassicTunnel>(loop_.runtime(), claim.name, options_.max_conn, owner);
  // The listener is destroyed before the tunnel, in on_classic_over() or drain().
  ClassicTunnel* seat_tunnel = tunnel.get();
  auto listener = listen([this, seat_tunnel, asker = std::string(client_ip)](std::unique_ptr<TcpSocket> socket) {
    on_socket(*seat_tunnel, asker, std::move(socket));
  });
  if (!listener) return listener.error();
  const std::uint16_t port = (*listener)->port();
  registry_.attach(claim, tunnel, nullptr);
  admission_.on_tunnel_up(client_ip, token);
  loop_.runtime().log.info("tunnel-up",
                           {{"name", claim.name}, {"kind", "classic"}, {"port", port}, {"from", client_ip}});
  Seat& seat = seats_[seat_tunnel] =
      Seat{claim, std::string(client_ip), std::string(token), std::move(tunnel), *std::move(listener), 0, false};
  count(seat, 0, true);
  return port;
}

void ClassicPorts::on_socket(ClassicTunnel& tunnel, std::string_view asker, std::unique_ptr<TcpSocket> socket) {
  const std::string ip = ip_of_peer(socket->peer());
  // A socket that would be parked may use only half of the descriptors.
  const bool full = tunnel.is_full();
  const std::size_t most = full ? options_.descriptors / 2 : options_.descriptors;
  const char* refused = nullptr;
  if (!options_.any_address && !may_be_client(asker, ip)) {
    refused = "another address";
  } else if (descriptors_taken() >= most) {
    refused = "descriptors";
  } else if (full && !is_this_machine(ip) && !addresses_.has_room(ip)) {
    refused = "connections-per-ip";
  }
  if (refused != nullptr) {
    loop_.runtime().log.debug("classic-turned-away", {{"name", tunnel.name()}, {"peer", ip}, {"reason", refused}});
    return socket->reset(ErrorKind::limit);
  }
  tunnel.add_socket(std::move(socket), full ? addresses_.enter(ip) : AddressCounts::Ticket{});
}

void ClassicPorts::on_classic_sockets(ClassicTunnel& tunnel) {
  const auto found = seats_.find(&tunnel);
  if (found != seats_.end()) count(found->second, tunnel.sockets(), !tunnel.is_claimed());
}

std::string_view ClassicPorts::client_ip(const ClassicTunnel& tunnel) const {
  const auto found = seats_.find(&tunnel);
  return found == seats_.end() ? std::string_view() : found->second.client_ip;
}

void ClassicPorts::count(Seat& seat, std::size_t sockets, bool unclaimed) {
  sockets_ += sockets;
  sockets_ -= std::exchange(seat.sockets, sockets);
  if (unclaimed == std::exchange(seat.unclaimed, unclaimed)) return;
  const std::string group = asker_group(seat.client_ip);
  if (unclaimed) {
    ++unclaimed_[group];
  } else if (--unclaimed_[group] == 0) {
    unclaimed_.erase(group);
  }
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
  count(seat, 0, false);
  loop_.runtime().log.info("tunnel-down", {{"name", seat.claim.name}, {"kind", "classic"}, {"cause", cause}});
  registry_.release(seat.claim);
  admission_.on_tunnel_down(seat.client_ip, seat.token);
  loop_.runtime().graveyard.bury(std::make_unique<Seat>(std::move(seat)));
}

std::size_t ClassicPorts::end_tunnels_of(std::string_view token) {
  std::vector<std::shared_ptr<ClassicTunnel>> ended;
  for (const auto& [key, seat] : seats_) {
    if (seat.token == token) ended.push_back(seat.tunnel);
  }
  for (const auto& tunnel : ended) {
    tunnel->close();
    on_classic_over(*tunnel, "revoked");
  }
  return ended.size();
}

void ClassicPorts::drain() {
  for (auto& [key, seat] : seats_) {
    seat.listener = nullptr;
    seat.tunnel->close();
    registry_.release(seat.claim);
  }
  seats_.clear();
  unclaimed_.clear();
  sockets_ = 0;
}

}  // namespace tenfold::broker
