// FrontDoor: the public listeners and every visitor's connection, from accept to close. Counts connections, in total
// and by address, refuses those beyond the limits, and passes each request to the desk.
//
// Owned by the broker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/admission/address_counts.h"
#include "broker/admission/proxy_list.h"
#include "broker/desk/desk.h"
#include "broker/front/proxy_header_wait.h"
#include "broker/link/link_door.h"
#include "http1/server_connection.h"
#include "io/inherited_sockets.h"
#include "io/loop.h"
#include "io/tcp_listener.h"
#include "tls/tls_context.h"

namespace tenfold::broker {

struct FrontDoorOptions {
  std::size_t connections = 0;      // in total, links included
  http::Patience patience{};        // with visitors
  http::Patience proxy_patience{};  // with listed proxies
  unsigned unix_mode = TcpListener::default_unix_mode;
};

class FrontDoor final : private ProxyHeaderWait::Owner {
 public:
  // `header_senders`: balancers that say by the PROXY protocol where each connection comes from. From them a header is
  // due, from others it is no HTTP. `addresses`: connections by address; listed proxies and this machine are unlimited.
  // `links` count as connections.
  FrontDoor(Loop& loop, const FrontDoorOptions& options, const ProxyList& proxies, const ProxyList& header_senders,
            AddressCounts& addresses, http1::ServerShared& shared, Desk& desk, const LinkDoor& links);
  ~FrontDoor();

  // `tls`: where the context stands that each new connection gets, whatever it is then; null for plain HTTP. It
  // outlives the door. The error names the address.
  Error listen(const Address& address, const std::shared_ptr<TlsContext>* tls);
  // Likewise on a socket that listens already; it is the door's from now on.
  Error adopt(const InheritedSocket& socket, const std::shared_ptr<TlsContext>* tls);

  // Connections of visitors, upgraded ones included, and those that were turned away.
  struct Counts {
    std::size_t now = 0;
    std::uint64_t accepted = 0;
    std::uint64_t turned_away_full = 0;        // all connections were in use
    std::uint64_t turned_away_by_address = 0;  // by --connections-per-ip
  };
  Counts counts() const;

  // From now on each connection closes behind its next answer.
  void announce_drain();
  // Accepts no more connections and finishes current requests. Idle connections are closed when nothing else is left,
  // for their visitors' next requests may be on the way; one without any request yet has rules::first_request_time for
  // it. `on_empty` when no visitor is left.
  void drain(std::function<void()> on_empty);

  // Ends the remaining connections: a request is refused, or cut if its answer has begun. Returns the number of
  // connections. The desk ends the upgraded ones.
  std::size_t end_now();

  // Destroys all connections. Upgraded ones live on at the desk, and must be gone before the door is destroyed.
  void close();

 private:
  class Visitor;

  // A connection whose PROXY header is not there yet.
  struct Announced {
    std::unique_ptr<ProxyHeaderWait> wait;
    std::shared_ptr<TlsContext> tls;  // of its listener
  };

  Error add(Result<std::unique_ptr<TcpListener>> listener, std::string_view kind);
  TcpListener::OnAccept acceptor(const std::shared_ptr<TlsContext>* tls);
  void on_accept(std::unique_ptr<TcpSocket> socket, const std::shared_ptr<TlsContext>& tls);
  void on_proxy_header(ProxyHeaderWait& wait, const std::optional<Address>& source) override;
  void on_proxy_header_missing(ProxyHeaderWait& wait, std::string_view why) override;
  std::shared_ptr<TlsContext> bury(ProxyHeaderWait& wait);
  // `peer`: of the socket, or as the PROXY header has it.
  void admit(std::unique_ptr<TcpSocket> socket, const Address& peer, const std::shared_ptr<TlsContext>& tls);
  void serve(std::unique_ptr<TcpSocket> socket, const Address& peer, const std::shared_ptr<TlsContext>& tls);
  bool is_full() const;
  bool has_room_for(const std::string& ip) const;
  void turn_away(TcpSocket& socket, const std::string& ip, std::string_view reason);
  void on_connection_closed(Visitor& visitor, const http::Gone& gone);
  void on_visit_over();
  void on_first_requests_due();
  void check_empty();
  // Of those whose connection serves HTTP, whether all wait for a next request.
  bool all_idle() const;
  // A copy: a visitor may remove itself during a call.
  std::vector<std::shared_ptr<Visitor>> visitors() const;

  Loop& loop_;
  const FrontDoorOptions options_;
  const ProxyList& proxies_;
  const ProxyList& header_senders_;
  AddressCounts& addresses_;
  http1::ServerShared& shared_;
  Desk& desk_;
  const LinkDoor& links_;
  std::vector<std::unique_ptr<TcpListener>> listeners_;
  std::unordered_map<ProxyHeaderWait*, Announced> announced_;
  std::unordered_map<Visitor*, std::shared_ptr<Visitor>> visitors_;  // whose connection serves HTTP
  Counts counts_;
  std::size_t visits_ = 0;          // those, and the upgraded ones
  std::function<void()> on_empty_;  // set while draining
  bool draining_ = false;           // announce_drain() was called
  bool too_late_ = false;           // for a first request, while draining
  MemberTimer<FrontDoor, &FrontDoor::on_first_requests_due> first_requests_{*this};
};

}  // namespace tenfold::broker
