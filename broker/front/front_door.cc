#include "broker/front/front_door.h"

#include <utility>

#include "base/limits.h"
#include "broker/admission/client_address.h"
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
  http1::ServerConnection& connection() { return *connection_; }
  std::unique_ptr<http1::ServerConnection> take_connection() { return std::move(connection_); }

 private:
  void tune_for_link() override {
    socket_->set_user_timeout(limits::user_timeout);
    socket_->set_notsent_lowat(limits::notsent_lowat);
  }
  void on_request(http::ServerStream& stream) override { door_.desk_.assign(stream, *this); }
  void on_fault(http::ServerStream& stream, const http::Fault& fault, http::Limit limit) override {
    door_.desk_.refuse(stream, *this, fault, limit);
  }
  void on_connection_closed(http1::ServerConnection&, const http::Gone& gone) override {
    door_.on_connection_closed(*this, gone);
  }

  FrontDoor& door_;
  TcpSocket* const socket_;  // below the connection, and owned by it
  const AddressCounts::Ticket ticket_;
  std::unique_ptr<http1::ServerConnection> connection_;
};

FrontDoor::FrontDoor(Loop& loop, const FrontDoorOptions& options, const ProxyList& proxies, AddressCounts& addresses,
                     http1::ServerShared& shared, Desk& desk, const LinkDoor& links)
    : loop_(loop),
      options_(options),
      proxies_(proxies),
      addresses_(addresses),
      shared_(shared),
      desk_(desk),
      links_(links) {}

FrontDoor::~FrontDoor() { close(); }

void FrontDoor::close() {
  on_empty_ = nullptr;
  visitors_.clear();
}

Error FrontDoor::listen(const Address& address, std::shared_ptr<TlsContext> tls) {
  const char* kind = tls == nullptr ? "http" : "https";
  auto listener = TcpListener::open(
      loop_, address,
      [this, tls = std::move(tls)](std::unique_ptr<TcpSocket> socket) { on_accept(std::move(socket), tls); },
      options_.unix_mode);
  if (!listener) return listener.error();
  loop_.runtime().log.info("listening", {{"kind", kind}, {"address", to_string((*listener)->address())}});
  listeners_.push_back(*std::move(listener));
  return {};
}

bool FrontDoor::admit(const std::string& ip) {
  const bool full = visits_ + links_.size() >= options_.connections;
  const bool counted = !is_this_machine(ip) && !proxies_.contains(ip);
  if (full || (counted && !addresses_.has_room(ip))) {
    loop_.runtime().log.warn("turned-away", {{"peer", ip}, {"reason", full ? "connections" : "connections-per-ip"}});
    return false;
  }
  return true;
}

void FrontDoor::on_accept(std::unique_ptr<TcpSocket> socket, const std::shared_ptr<TlsContext>& tls) {
  const std::string address = to_string(socket->peer());
  const std::string ip = ip_of_peer(socket->peer());
  if (!admit(ip)) return socket->reset(ErrorKind::limit);
  TcpSocket* tcp = socket.get();
  std::unique_ptr<Duplex> connection = std::move(socket);
  if (tls != nullptr) {
    connection = std::make_unique<TlsSocket>(loop_, std::move(connection), tls, TlsEngine::Role::server, "");
  }
  const bool from_proxy = proxies_.contains(ip);
  auto visitor =
      std::make_shared<Visitor>(*this, address, ip, tls == nullptr ? "http" : "https", from_proxy,
                                from_proxy ? options_.proxy_patience : options_.patience, tcp, addresses_.enter(ip));
  Visitor& started = *visitor;
  visitors_[&started] = std::move(visitor);
  started.serve(std::move(connection));
}

void FrontDoor::on_connection_closed(Visitor& visitor, const http::Gone& gone) {
  if (gone.limit != http::Limit::none) {
    loop_.runtime().log.info("cut", {{"limit", to_string(gone.limit)}, {"peer", visitor.address()}});
  }
  loop_.runtime().graveyard.bury(visitor.take_connection());
  visitors_.erase(&visitor);
}

void FrontDoor::on_visit_over() {
  --visits_;
  check_empty();
}

void FrontDoor::drain(std::function<void()> on_empty) {
  on_empty_ = std::move(on_empty);
  listeners_.clear();
  for (const auto& visitor : visitors()) visitor->connection().drain();
  check_empty();
}

std::size_t FrontDoor::end_now() {
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
  if (on_empty_ && visits_ == 0) std::exchange(on_empty_, nullptr)();
}

}  // namespace tenfold::broker
