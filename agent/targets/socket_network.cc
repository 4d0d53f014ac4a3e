#include "agent/targets/socket_network.h"

#include <utility>

#include "base/limits.h"
#include "io/dial.h"
#include "io/link_driver.h"
#include "io/tls_socket.h"

namespace tenfold {
namespace {

// A TCP or a unix socket, then TLS if required, within one deadline.
class SocketDialing final : public Dialing, private Duplex::Handler {
 public:
  SocketDialing(Loop& loop, const DialTo& to, Network::OnDialed on_dialed)
      : loop_(loop), to_(to), on_dialed_(std::move(on_dialed)) {
    runtime().timers.arm_in(deadline_, to.deadline);
    tcp_ = std::make_unique<Dial>(loop, to.address, to.deadline, [this](Result<std::unique_ptr<TcpSocket>> socket) {
      on_connected(std::move(socket));
    });
  }

 private:
  Runtime& runtime() { return loop_.runtime(); }

  void on_connected(Result<std::unique_ptr<TcpSocket>> connected) {
    runtime().graveyard.bury(std::move(tcp_));
    if (done_) return;
    if (!connected) return finish(connected.error());
    std::unique_ptr<TcpSocket> socket = *std::move(connected);
    peer_ip_ = socket->peer().host;
    if (to_.purpose != DialFor::app) socket->set_keepalive(limits::tcp_keepalive);
    if (to_.purpose == DialFor::link) {
      socket->set_notsent_lowat(limits::notsent_lowat);
      socket->set_user_timeout(limits::user_timeout);
    }
    if (to_.tls == nullptr) return finish({std::move(socket)});
    tls_ = std::make_unique<TlsSocket>(loop_, std::move(socket), to_.tls, TlsEngine::Role::client, to_.tls_name,
                                       [this] { on_ready(); });
    tls_->set_handler(this);
  }

  void on_ready() {
    if (done_) return;
    tls_->set_handler(nullptr);
    finish({std::move(tls_)});
  }

  void on_closed(const Error& why) override {
    finish(why ? why : Error{ErrorKind::tls, "closed in the middle of the handshake"});
  }
  void on_data(Bytes) override {}
  void on_end() override {}
  void on_sent(std::size_t) override {}
  void on_deadline() { finish(Error{ErrorKind::timeout, to_string(to_.address)}); }

  void finish(Result<std::unique_ptr<Duplex>> pipe) {
    if (std::exchange(done_, true)) return;
    runtime().timers.disarm(deadline_);
    runtime().graveyard.bury(std::move(tcp_));
    runtime().graveyard.bury(std::move(tls_));
    if (pipe) {
      on_dialed_(Dialed{*std::move(pipe), peer_ip_});
    } else {
      on_dialed_(pipe.error());
    }
  }

  Loop& loop_;
  const DialTo to_;
  const Network::OnDialed on_dialed_;
  std::string peer_ip_;
  bool done_ = false;
  std::unique_ptr<Dial> tcp_;
  std::unique_ptr<TlsSocket> tls_;
  MemberTimer<SocketDialing, &SocketDialing::on_deadline> deadline_{*this};
};

class SocketLink final : public DrivenLink {
 public:
  SocketLink(Loop& loop, std::unique_ptr<Duplex> transport, Link::Handler& handler)
      : driver_(loop, std::move(transport), Link::Role::agent, LinkOptions{}, handler) {}

  void start(Bytes early) override { driver_.start(early); }
  Link& link() override { return driver_.link(); }

 private:
  LinkDriver driver_;
};

}  // namespace

std::unique_ptr<Dialing> SocketNetwork::dial(const DialTo& to, OnDialed on_dialed) {
  return std::make_unique<SocketDialing>(loop_, to, std::move(on_dialed));
}

std::unique_ptr<DrivenLink> SocketNetwork::drive(std::unique_ptr<Duplex> transport, Link::Handler& handler) {
  return std::make_unique<SocketLink>(loop_, std::move(transport), handler);
}

}  // namespace tenfold
