#include "broker/cluster/peer_door.h"

#include <utility>

#include "broker/rules.h"
#include "io/tls_socket.h"

namespace tenfold::broker {

PeerDoor::PeerDoor(Loop& loop, NameTable& names, std::string server_id) : side_{loop, names, std::move(server_id)} {}

PeerDoor::~PeerDoor() { close(); }

Error PeerDoor::listen(const Address& address, std::shared_ptr<TlsContext> tls) {
  tls_ = std::move(tls);
  auto listener = TcpListener::open(side_.loop, address,
                                    [this](std::unique_ptr<TcpSocket> socket) { on_accept(std::move(socket)); });
  if (!listener) return listener.error();
  listener_ = *std::move(listener);
  side_.loop.runtime().log.info("listening", {{"kind", "peer"}, {"address", to_string(listener_->address())}});
  return {};
}

void PeerDoor::on_accept(std::unique_ptr<TcpSocket> socket) {
  std::string from = to_string(socket->peer());
  if (sessions_.size() >= rules::peer_connections || sessions_.size() - links() >= rules::peer_handshakes) {
    side_.loop.runtime().log.warn("peer-refused", {{"from", from}, {"reason", "too many connections"}});
    return socket->reset(ErrorKind::limit);
  }
  socket->set_user_timeout(limits::user_timeout);
  socket->set_notsent_lowat(limits::notsent_lowat);
  take(std::make_unique<TlsSocket>(side_.loop, std::move(socket), tls_, TlsEngine::Role::server, ""), std::move(from));
}

void PeerDoor::take(std::unique_ptr<Duplex> connection, std::string from) {
  PeerSession::Owner& owner = *this;
  auto session = std::make_unique<PeerSession>(side_, owner, std::move(connection), std::move(from));
  PeerSession& started = *session;
  sessions_[&started] = std::move(session);
  started.start();
}

void PeerDoor::cut_stale(std::string_view name, std::uint64_t version, bool strict) {
  for (const auto& [session, owned] : sessions_) session->cut_stale(name, version, strict);
}

void PeerDoor::cut_streams_of(std::string_view name) {
  for (const auto& [session, owned] : sessions_) session->cut_streams_of(name);
}

void PeerDoor::announce_drain(Duration deadline) {
  for (const auto& [session, owned] : sessions_) session->announce_drain(deadline);
}

void PeerDoor::close() {
  listener_ = nullptr;
  sessions_.clear();
}

std::size_t PeerDoor::links() const {
  std::size_t links = 0;
  for (const auto& [session, owned] : sessions_) links += session->is_link() ? 1 : 0;
  return links;
}

std::size_t PeerDoor::streams() const {
  std::size_t streams = 0;
  for (const auto& [session, owned] : sessions_) streams += session->streams();
  return streams;
}

void PeerDoor::on_peer_session_closed(PeerSession& session) {
  const auto found = sessions_.find(&session);
  if (found == sessions_.end()) return;
  side_.loop.runtime().graveyard.bury(std::move(found->second));
  sessions_.erase(found);
}

}  // namespace tenfold::broker
