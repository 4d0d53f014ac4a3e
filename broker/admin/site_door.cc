#include "broker/admin/site_door.h"

#include <utility>

#include "broker/rules.h"

namespace tenfold::broker {

// One connection.
class SiteDoor::Caller final : private http1::ServerConnection::Owner {
 public:
  Caller(SiteDoor& door, std::unique_ptr<Duplex> socket)
      : door_(door),
        connection_(door.shared_, door.patience_, static_cast<http1::ServerConnection::Owner&>(*this),
                    std::move(socket)) {}

  void start() { connection_.start(); }

 private:
  void on_request(http::ServerStream& stream) override {
    const http::BodySize body = stream.body();
    const bool long_body =
        !body.empty() && (body.kind == http::BodySize::Kind::unknown || body.length > rules::admin_body);
    const Reply reply = long_body ? json_reply(413, R"({"message":"No request here has a body.","code":"long-body"})")
                                  : door_.site_.answer(stream.head());
    send_reply(reply, door_.dates_.now(), stream);
  }

  void on_fault(http::ServerStream& stream, const http::Fault& fault, http::Limit) override {
    Reply reply;
    reply.status = fault.status;
    reply.body = std::string("This is not a request that can be served (") + fault.reason + ").\n";
    send_reply(reply, door_.dates_.now(), stream);
  }

  void on_connection_closed(http1::ServerConnection&, const http::Gone&) override { door_.on_closed(*this); }

  SiteDoor& door_;
  http1::ServerConnection connection_;
};

SiteDoor::SiteDoor(Loop& loop, std::string_view kind, Site& site)
    : loop_(loop), kind_(kind), site_(site), shared_{loop.runtime()} {}

SiteDoor::~SiteDoor() = default;

Error SiteDoor::listen(const Address& address) {
  auto listener =
      TcpListener::open(loop_, address, [this](std::unique_ptr<TcpSocket> socket) { on_accept(std::move(socket)); });
  if (!listener) return listener.error();
  listener_ = *std::move(listener);
  loop_.runtime().log.info("listening", {{"kind", kind_}, {"address", to_string(listener_->address())}});
  return {};
}

void SiteDoor::on_accept(std::unique_ptr<TcpSocket> socket) {
  if (callers_.size() >= rules::admin_connections) return socket->reset(ErrorKind::limit);
  auto caller = std::make_unique<Caller>(*this, std::move(socket));
  Caller& started = *caller;
  callers_[&started] = std::move(caller);
  started.start();
}

void SiteDoor::on_closed(Caller& caller) {
  const auto found = callers_.find(&caller);
  loop_.runtime().graveyard.bury(std::move(found->second));
  callers_.erase(found);
}

}  // namespace tenfold::broker
