// RedisDialer: opens a connection to the registry. The client asks for one; the real dialer (SocketRedisDialer) opens
// a socket, with TLS on it for rediss://; a test hands out its own pipe.
//
//   dialer.dial(handler);    // on_dialled() later, once
//   dialer.cancel();          // or never
#pragma once

#include <memory>

#include "base/result.h"
#include "broker/cluster/redis_address.h"
#include "duplex.h"
#include "io/dial.h"
#include "io/loop.h"
#include "tls/tls_context.h"

namespace tenfold::broker {

class RedisDialer {
 public:
  class Handler {
   public:
    // Not from inside dial(). The dialer may be asked again from inside.
    virtual void on_dialled(Result<std::unique_ptr<Duplex>> connection) = 0;

   protected:
    ~Handler() = default;
  };

  virtual ~RedisDialer() = default;

  // One at a time. `handler` lives until it was called, or until cancel().
  virtual void dial(Handler& handler) = 0;
  virtual void cancel() = 0;
};

// For one client.
class SocketRedisDialer final : public RedisDialer {
 public:
  // `tls`: for a rediss:// address; its certificate must be for the address's host.
  SocketRedisDialer(Loop& loop, RedisAddress address, std::shared_ptr<TlsContext> tls = nullptr);

  void dial(Handler& handler) override;
  void cancel() override { dial_.reset(); }

 private:
  void on_socket(Result<std::unique_ptr<TcpSocket>> socket);

  Loop& loop_;
  const RedisAddress address_;
  std::shared_ptr<TlsContext> tls_;
  Handler* handler_ = nullptr;
  std::unique_ptr<Dial> dial_;
};

}  // namespace tenfold::broker
