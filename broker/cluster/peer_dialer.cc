#include "broker/cluster/peer_dialer.h"

#include <utility>

#include "base/limits.h"
#include "broker/rules.h"
#include "io/dial.h"
#include "io/tls_socket.h"

namespace tenfold::broker {

class SocketPeerDialer::SocketDialling final : public PeerDialer::Dialling {
 public:
  SocketDialling(Loop& loop, std::shared_ptr<TlsContext> tls, const Address& address, OnDone on_done)
      : loop_(loop),
        tls_(std::move(tls)),
        on_done_(std::move(on_done)),
        dial_(loop, address, rules::peer_dial_time,
              [this](Result<std::unique_ptr<TcpSocket>> socket) { on_socket(std::move(socket)); }) {}

 private:
  void on_socket(Result<std::unique_ptr<TcpSocket>> socket) {
    if (!socket) return on_done_(socket.error());
    (*socket)->set_user_timeout(limits::user_timeout);
    (*socket)->set_keepalive(limits::tcp_keepalive);
    (*socket)->set_notsent_lowat(limits::notsent_lowat);
    std::unique_ptr<Duplex> secured =
        std::make_unique<TlsSocket>(loop_, *std::move(socket), tls_, TlsEngine::Role::client, TlsPeerOptions::name);
    on_done_(std::move(secured));
  }

  Loop& loop_;
  const std::shared_ptr<TlsContext> tls_;
  const OnDone on_done_;
  Dial dial_;
};

std::unique_ptr<PeerDialer::Dialling> SocketPeerDialer::dial(const Address& address, OnDone on_done) {
  return std::make_unique<SocketDialling>(loop_, tls_, address, std::move(on_done));
}

}  // namespace tenfold::broker
