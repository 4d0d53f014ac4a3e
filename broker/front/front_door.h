// FrontDoor: the public listeners and every visitor's connection, from accept to close. Counts connections,
// in all and by address, and turns away what is too much.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/admission/address_counts.h"
#include "broker/desk/public_side.h"
#include "broker/front/visitor_h1.h"
#include "broker/link/link_session.h"
#include "io/address.h"
#include "io/loop.h"
#include "io/tcp_listener.h"
#include "tls/tls_context.h"

namespace tenfold::broker {

struct FrontDoorOptions {
  std::size_t connections = 0;  // in all
};

class FrontDoor final : private VisitorH1::Owner, private LinkSession::Owner {
 public:
  // `addresses`: connections by address, of which listed proxies and this machine have as many as they like.
  FrontDoor(Loop& loop, const FrontDoorOptions& options, AddressCounts& addresses, PublicSide& side,
            const LinkSide& link_side);
  ~FrontDoor();

  // `tls`: null for plain HTTP. The error names the address.
  Error listen(const HostPort& address, std::shared_ptr<TlsContext> tls);

  // Accepts no more, finishes what runs, asks agents to dial elsewhere; `on_empty` when nobody is left. The links stay
  // while visitors may still need them.
  void drain(Duration deadline, std::function<void()> on_empty);

  struct Ended {
    std::size_t upgraded = 0;
    std::size_t requests = 0;
  };
  // Ends what is left of that: upgraded connections in order, behind what they have queued; requests by a cut.
  Ended end_now();

  // Destroys all connections, without an event. Visitors borrow streams of links, and hear of their end: they go first.
  void close();

 private:
  struct Visit {
    std::unique_ptr<VisitorH1> visitor;
    TcpSocket* socket;  // under the visitor's connection, and owned by it
    AddressCounts::Ticket ticket;
  };

  void on_accept(std::unique_ptr<TcpSocket> socket, const std::shared_ptr<TlsContext>& tls);
  void on_visitor_closed(VisitorH1& visitor) override;
  void on_link(VisitorH1& visitor, std::unique_ptr<Duplex> connection, LinkGrant grant, Bytes early) override;
  void on_link_session_closed(LinkSession& session) override;
  // Whether one more connection from that address may come in.
  bool admit(const std::string& ip);
  void check_empty();
  // A copy: each may go when it is told something.
  std::vector<VisitorH1*> visitors() const;

  Loop& loop_;
  const FrontDoorOptions options_;
  AddressCounts& addresses_;
  PublicSide& side_;
  const LinkSide& link_side_;
  std::vector<std::unique_ptr<TcpListener>> listeners_;
  std::unordered_map<VisitorH1*, Visit> visitors_;
  std::unordered_map<LinkSession*, std::unique_ptr<LinkSession>> links_;
  std::function<void()> on_empty_;  // set while draining
};

}  // namespace tenfold::broker
