#include "broker/cluster/redis_dialer.h"

#include <cassert>
#include <utility>

#include "base/limits.h"
#include "broker/rules.h"
#include "io/tls_socket.h"

namespace tenfold::broker {

SocketRedisDialer::SocketRedisDialer(Loop& loop, RedisAddress address, std::shared_ptr<TlsContext> tls)
    : loop_(loop), address_(std::move(address)), tls_(std::move(tls)) {
  assert(address_.tls == (tls_ != nullptr));
}

void SocketRedisDialer::dial(Handler& handler) {
  handler_ = &handler;
  dial_ = std::make_unique<Dial>(loop_, address_.address, rules::registry_time,
                                 [this](Result<std::unique_ptr<TcpSocket>> socket) { on_socket(std::move(socket)); });
}

void SocketRedisDialer::on_socket(Result<std::unique_ptr<TcpSocket>> socket) {
  loop_.runtime().graveyard.bury(std::move(dial_));
  if (!socket) return handler_->on_dialled(socket.error());
  (*socket)->set_user_timeout(limits::user_timeout);
  (*socket)->set_keepalive(limits::tcp_keepalive);
  std::unique_ptr<Duplex> connection = *std::move(socket);
  if (tls_ != nullptr) {
    connection =
        std::make_unique<TlsSocket>(loop_, std::move(connection), tls_, TlsEngine::Role::client, address_.address.host);
  }
  handler_->on_dialled(std::move(connection));
}

}  // namespace tenfold::broker
