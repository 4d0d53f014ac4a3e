// PeerDoor: where other replicas connect to, when their visitors want a tunnel of this one: --peer-listen. Only a peer
// with the right certificate gets a link (TlsContext::peer_server). It finds the tunnels that stand here, and never
// those of a third replica.
//
//   PeerDoor door(loop, names, "replica-1");
//   if (Error error = door.listen(address, tls)) …
//   door.announce_drain(deadline);   // the links go on taking streams until…
//   door.close();
//
// At most rules::peer_connections, and rules::peer_handshakes of them before they are links; further ones are closed.
//
// Owned by the broker; on the loop's thread. Its links' streams hold pipes of tunnels, so agents' links end before it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/cluster/peer_session.h"
#include "io/tcp_listener.h"
#include "tls/tls_context.h"

namespace tenfold::broker {

class PeerDoor final : private PeerSession::Owner {
 public:
  // `names` outlives the door. `server_id` is what peers are greeted with.
  PeerDoor(Loop& loop, NameTable& names, std::string server_id);
  ~PeerDoor();

  // `tls`: of TlsContext::peer_server(). The error names the address.
  Error listen(const Address& address, std::shared_ptr<TlsContext> tls);
  // For connections from now on.
  void set_tls(std::shared_ptr<TlsContext> tls) { tls_ = std::move(tls); }
  // Of the listener, which there must be: with the port that the system chose.
  Address address() const { return listener_->address(); }

  // A connection that is as good as one that was accepted: authenticated, or about to be. `from`: its IP:PORT.
  void take(std::unique_ptr<Duplex> connection, std::string from);

  // The tunnel's rules are of this version now. Streams of that name whose visitors were checked against other ones are
  // cut: those on which no request has come; with `strict`, for the rules were tightened, all of them. (A request that
  // runs goes on otherwise. What stands idle behind one is closed by its opener after rules::peer_idle_pipe_time.)
  void cut_stale(std::string_view name, std::uint64_t version, bool strict);

  // The tunnel is closed by the operator: all streams of that name are cut.
  void cut_streams_of(std::string_view name);

  // Tells every peer that this replica is going down; its streams go on, and further ones are taken.
  void announce_drain(Duration deadline);
  // No connection is accepted any more, and all end at once, without an event.
  void close();

  std::size_t links() const;
  std::size_t streams() const;

 private:
  void on_accept(std::unique_ptr<TcpSocket> socket);
  void on_peer_session_closed(PeerSession& session) override;

  const PeerSession::Side side_;
  std::shared_ptr<TlsContext> tls_;
  std::unique_ptr<TcpListener> listener_;
  std::unordered_map<PeerSession*, std::unique_ptr<PeerSession>> sessions_;
};

}  // namespace tenfold::broker
