#include "broker/front/front_door.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "broker/admission/client_address.h"
#include "broker/rules.h"
#include "io/tls_socket.h"

namespace tenfold::broker {

// One accepted connection: its ServerConnection, until it closes or is upgraded, and the visit that counts it.
class FrontDoor::Visitor final : public Visit, private http1::ServerConnection::Owner {
 public:
  Visitor(FrontDoor& door, std::string address, std::string ip, std::string_view scheme, bool from_proxy,
          const http::Patience& patience, TcpSocket* socket, AddressCounts::Ticket ticket)
      : Visit(std::move(address), std::move(ip), scheme, from_proxy, patience),
        door_(door),
        socket_(socket),
        ticket_(std::move(ticket)) {
    ++door_.visits_;
  }
  ~Visitor() override { door_.on_visit_over(); }

  void serve(std::unique_ptr<Duplex> connection) {
    http1::ServerConnection::Owner& owner = *this;
    connection_ = std::make_unique<http1::ServerConnection>(door_.shared_, patience(), owner, std::move(connection));
    connection_->start();
  }
  // A request has come.
  bool asked() const { return asked_; }
  http1::ServerConnection& connection() { return *connection_; }
  std::unique_ptr<http1::ServerConnection> take_connection() { return std::move(connection_); }

 private:
  void tune_for_link() override {
    socket_->set_user_timeout(limits::user_timeout);
    socket_->set_notsent_lowat(limits::notsent_lowat);
  }
  void on_request(http::ServerStream& stream) override {
    asked_ = true;
    door_.desk_.assign(stream, *this);
  }
  void on_fault(http::ServerStream& stream, const http::Fault& fault, http::Limit limit) override {
    door_.desk_.refuse(stream, *this, fault, limit);
  }
  void on_idle_in_drain(http1::ServerConnection&) override { door_.check_empty(); }
  void on_connection_closed(http1::ServerConnection&, const http::Gone& gone) override {
    door_.on_connection_closed(*this, gone);
  }

  FrontDoor& door_;
  TcpSocket* const socket_;  // below the connection, and owned by it
  const AddressCounts::Ticket ticket_;
  std::unique_ptr<http1::ServerConnection> connection_;
  bool asked_ = false;
};

FrontDoor::FrontDoor(Loop& loop, const FrontDoorOptions& options, const ProxyList& proxies,
                     const ProxyList& header_senders, AddressCounts& addresses, http1::ServerShared& shared, Desk& desk,
                     const LinkDoor& links)
    : loop_(loop),
      options_(options),
      proxies_(proxies),
      header_senders_(header_senders),
      addresses_(addresses),
      shared_(shared),
      desk_(desk),
      links_(links) {}

FrontDoor::~FrontDoor() { close(); }

void FrontDoor::close() {
  loop_.runtime().timers.disarm(first_requests_);
  on_empty_ = nullptr;
  announced_.clear();
  visitors_.clear();
}

Error FrontDoor::listen(const Address& address, const std::shared_ptr<TlsContext>* tls) {
  const char* kind = tls == nullptr ? "http" : "https";
  return add(TcpListener::open(loop_, address, acceptor(tls), options_.unix_mode), kind);
}

Error FrontDoor::adopt(const InheritedSocket& socket, const std::shared_ptr<TlsContext>* tls) {
  const char* kind = tls == nullptr ? "http" : "https";
  return add(TcpListener::adopt(loop_, socket.fd, acceptor(tls)), kind);
}

TcpListener::OnAccept FrontDoor::acceptor(const std::shared_ptr<TlsContext>* tls) {
  return
      [this, tls](std::unique_ptr<TcpSocket> socket) { on_accept(std::move(socket), tls == nullptr ? nullptr : *tls); };
}

Error FrontDoor::add(Result<std::unique_ptr<TcpListener>> listener, std::string_view kind) {
  if (!listener) return listener.error();
  loop_.runtime().log.info("listening", {{"kind", kind}, {"address", to_string((*listener)->address())}});
  listeners_.push_back(*std::move(listener));
  return {};
}

bool FrontDoor::is_full() const { return visits_ + announced_.size() + links_.size() >= options_.connections; }

bool FrontDoor::has_room_for(const std::string& ip) const {
  return is_this_machine(ip) || proxies_.contains(ip) || addresses_.has_room(ip);
}

void FrontDoor::turn_away(TcpSocket& socket, const std::string& ip, std::string_view reason) {
  loop_.runtime().log.warn("turned-away", {{"peer", ip}, {"reason", reason}});
  socket.reset(ErrorKind::limit);
}

void FrontDoor::on_accept(std::unique_ptr<TcpSocket> socket, const std::shared_ptr<TlsContext>& tls) {
  const Address peer = socket->peer();
  const std::string ip = ip_of_peer(peer);
  if (is_full()) {
    ++counts_.turned_away_full;
    return turn_away(*socket, ip, "connections");
  }
  if (!header_senders_.contains(ip)) return admit(std::move(socket), peer, tls);
  ProxyHeaderWait::Owner& owner = *this;
  auto wait = std::make_unique<ProxyHeaderWait>(loop_.runtime(), owner, std::move(socket));
  ProxyHeaderWait* const key = wait.get();
  announced_[key] = {std::move(wait), tls};
}

void FrontDoor::on_proxy_header(ProxyHeaderWait& wait, const std::optional<Address>& source) {
  std::unique_ptr<TcpSocket> socket = wait.take_socket();
  const Address peer = announced_peer(source, socket->peer());
  admit(std::move(socket), peer, bury(wait));
}

void FrontDoor::on_proxy_header_missing(ProxyHeaderWait& wait, std::string_view why) {
  const std::string peer = to_string(wait.peer());
  if (why.empty()) {
    loop_.runtime().log.debug("probed", {{"peer", peer}});
  } else {
    loop_.runtime().log.info("reject", {{"reason", "proxy-header"}, {"detail", why}, {"peer", peer}});
  }
  bury(wait);
  check_empty();
}

// Returns what its listener has it speak.
std::shared_ptr<TlsContext> FrontDoor::bury(ProxyHeaderWait& wait) {
  const auto found = announced_.find(&wait);
  std::shared_ptr<TlsContext> tls = std::move(found->second.tls);
  loop_.runtime().graveyard.bury(std::move(found->second.wait));
  announced_.erase(found);
  return tls;
}

void FrontDoor::admit(std::unique_ptr<TcpSocket> socket, const Address& peer, const std::shared_ptr<TlsContext>& tls) {
  const std::string ip = ip_of_peer(peer);
  if (has_room_for(ip)) return serve(std::move(socket), peer, tls);
  ++counts_.turned_away_by_address;
  turn_away(*socket, ip, "connections-per-ip");
  // A socket may be in the middle of its own event.
  loop_.runtime().graveyard.bury(std::move(socket));
  check_empty();
}

void FrontDoor::serve(std::unique_ptr<TcpSocket> socket, const Address& peer, const std::shared_ptr<TlsContext>& tls) {
  ++counts_.accepted;
  const std::string ip = ip_of_peer(peer);
  TcpSocket* tcp = socket.get();
  std::unique_ptr<Duplex> connection = std::move(socket);
  if (tls != nullptr) {
    connection = std::make_unique<TlsSocket>(loop_, std::move(connection), tls, TlsEngine::Role::server, "");
  }
  const bool from_proxy = proxies_.contains(ip);
  auto visitor =
      std::make_shared<Visitor>(*this, to_string(peer), ip, tls == nullptr ? "http" : "https", from_proxy,
                                from_proxy ? options_.proxy_patience : options_.patience, tcp, addresses_.enter(ip));
  Visitor& started = *visitor;
  visitors_[&started] = std::move(visitor);
  started.serve(std::move(connection));
  if (draining_) started.connection().announce_drain();
}

void FrontDoor::on_connection_closed(Visitor& visitor, const http::Gone& gone) {
  if (gone.limit != http::Limit::none) {
    loop_.runtime().log.info("cut", {{"limit", to_string(gone.limit)}, {"peer", visitor.address()}});
  }
  loop_.runtime().graveyard.bury(visitor.take_connection());
  // Out of the table before it ends: the end of a visit counts those that are in it.
  const auto gone_visitor = visitors_.extract(&visitor);
}

FrontDoor::Counts FrontDoor::counts() const {
  Counts counts = counts_;
  counts.now = visits_;
  return counts;
}

void FrontDoor::on_visit_over() {
  --visits_;
  check_empty();
}

void FrontDoor::announce_drain() {
  draining_ = true;
  for (const auto& visitor : visitors()) visitor->connection().announce_drain();
}

void FrontDoor::drain(std::function<void()> on_empty) {
  for (const auto& listener : listeners_) listener->accept_rest();
  listeners_.clear();
  on_empty_ = std::move(on_empty);
  loop_.runtime().timers.arm_in(first_requests_, rules::first_request_time);
  check_empty();
}

void FrontDoor::on_first_requests_due() {
  too_late_ = true;
  check_empty();
}

std::size_t FrontDoor::end_now() {
  announced_.clear();
  const std::vector<std::shared_ptr<Visitor>> all = visitors();
  for (const auto& visitor : all) visitor->connection().end_now({503, "draining"});
  return all.size();
}

std::vector<std::shared_ptr<FrontDoor::Visitor>> FrontDoor::visitors() const {
  std::vector<std::shared_ptr<Visitor>> all;
  for (const auto& [key, visitor] : visitors_) all.push_back(visitor);
  return all;
}

void FrontDoor::check_empty() {
  if (!on_empty_ || !announced_.empty()) return;
  if (visits_ == 0) return std::exchange(on_empty_, nullptr)();
  if (!all_idle()) return;
  for (const auto& visitor : visitors()) {
    if (visitor->asked() || too_late_) visitor->connection().drain();
  }
}

bool FrontDoor::all_idle() const {
  return visits_ == visitors_.size() && std::all_of(visitors_.begin(), visitors_.end(),
                                                    [](const auto& each) { return each.first->connection().idle(); });
}

}  // namespace tenfold::broker
