#include "broker/front/front_door.h"

#include <utility>

#include "base/limits.h"
#include "broker/admission/client_address.h"
#include "io/tls_socket.h"

namespace tenfold::broker {
FrontDoor::FrontDoor(Loop& loop, const FrontDoorOptions& options, AddressCounts& addresses, PublicSide& side,
                     const LinkSide& link_side)
    : loop_(loop), options_(options), addresses_(addresses), side_(side), link_side_(link_side) {}

FrontDoor::~FrontDoor() { close(); }

void FrontDoor::close() {
  visitors_.clear();
  links_.clear();
}

Error FrontDoor::listen(const HostPort& address, std::shared_ptr<TlsContext> tls) {
  const char* kind = tls == nullptr ? "http" : "https";
  auto listener = TcpListener::open(loop_, address, [this, tls = std::move(tls)](std::unique_ptr<TcpSocket> socket) {
    on_accept(std::move(socket), tls);
  });
  if (!listener) return listener.error();
  loop_.runtime().log.info("listening", {{"kind", kind}, {"address", (*listener)->address()}});
  listeners_.push_back(*std::move(listener));
  return {};
}

bool FrontDoor::admit(const std::string& ip) {
  const bool full = visitors_.size() + links_.size() >= options_.connections;
  const bool counted = !is_this_machine(ip) && !side_.proxies.contains(ip);
  if (full || (counted && !addresses_.has_room(ip))) {
    loop_.runtime().log.warn("turned-away", {{"peer", ip}, {"reason", full ? "connections" : "connections-per-ip"}});
    return false;
  }
  return true;
}

void FrontDoor::on_accept(std::unique_ptr<TcpSocket> socket, const std::shared_ptr<TlsContext>& tls) {
  const std::string address = socket->peer();
  const std::string ip = ip_of_peer(address);
  if (!admit(ip)) return socket->reset(ErrorKind::limit);
  TcpSocket* tcp = socket.get();
  std::unique_ptr<Duplex> connection = std::move(socket);
  if (tls != nullptr) {
    connection = std::make_unique<TlsSocket>(loop_, std::move(connection), tls, TlsEngine::Role::server, "");
  }
  VisitorH1::Owner& owner = *this;
  auto visitor =
      std::make_unique<VisitorH1>(side_, owner, std::move(connection), address, ip, tls == nullptr ? "http" : "https");
  VisitorH1& started = *visitor;
  visitors_[&started] = Visit{std::move(visitor), tcp, addresses_.enter(ip)};
  started.start();
}

void FrontDoor::on_visitor_closed(VisitorH1& visitor) {
  const auto found = visitors_.find(&visitor);
  if (found == visitors_.end()) return;
  loop_.runtime().graveyard.bury(std::move(found->second.visitor));
  visitors_.erase(found);
  check_empty();
}

void FrontDoor::on_link(VisitorH1& visitor, std::unique_ptr<Duplex> connection, LinkGrant grant, Bytes early) {
  TcpSocket* tcp = visitors_.at(&visitor).socket;
  tcp->set_user_timeout(limits::user_timeout);
  tcp->set_notsent_lowat(limits::notsent_lowat);
  LinkSession::Owner& owner = *this;
  auto session =
      std::make_unique<LinkSession>(link_side_, owner, std::move(connection), std::move(grant), visitor.address());
  LinkSession& started = *session;
  links_[&started] = std::move(session);
  started.start(early);
}

void FrontDoor::on_link_session_closed(LinkSession& session) {
  const auto found = links_.find(&session);
  if (found == links_.end()) return;
  loop_.runtime().graveyard.bury(std::move(found->second));
  links_.erase(found);
  check_empty();
}

void FrontDoor::drain(Duration deadline, std::function<void()> on_empty) {
  on_empty_ = std::move(on_empty);
  listeners_.clear();
  for (VisitorH1* visitor : visitors()) visitor->drain();
  for (auto& [link, session] : links_) session->announce_drain(deadline);
  check_empty();
}

FrontDoor::Ended FrontDoor::end_now() {
  Ended ended;
  for (VisitorH1* visitor : visitors()) ++(visitor->end_now() ? ended.upgraded : ended.requests);
  return ended;
}

std::vector<VisitorH1*> FrontDoor::visitors() const {
  std::vector<VisitorH1*> all;
  for (const auto& [visitor, visit] : visitors_) all.push_back(visitor);
  return all;
}

// A link that drains takes no new stream, so the last visitor comes first.
void FrontDoor::check_empty() {
  if (!on_empty_ || !visitors_.empty()) return;
  if (links_.empty()) return std::exchange(on_empty_, nullptr)();
  for (auto& [link, session] : links_) session->drain();
}

}  // namespace tenfold::broker
