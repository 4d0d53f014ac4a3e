// PeerDialer: opens a connection to another replica. The real one (SocketPeerDialer) opens a socket with TLS on it; a
// test hands out its own pipe.
//
//   dialling_ = dialer.dial(address, [this](Result<std::unique_ptr<Duplex>> connection) { … });
//   dialling_ = nullptr;   // cancels
#pragma once

#include <functional>
#include <memory>

#include "base/address.h"
#include "base/result.h"
#include "duplex.h"
#include "io/loop.h"
#include "tls/tls_context.h"

namespace tenfold::broker {

class PeerDialer {
 public:
  // Under way until the call; the call may bury it.
  class Dialling {
   public:
    virtual ~Dialling() = default;
  };
  // A connection may still be in its TLS handshake: it fails by on_closed(tls) then.
  using OnDone = std::function<void(Result<std::unique_ptr<Duplex>>)>;

  virtual ~PeerDialer() = default;

  // The call comes once, not from inside; within rules::peer_dial_time.
  virtual std::unique_ptr<Dialling> dial(const Address& address, OnDone on_done) = 0;
};

class SocketPeerDialer final : public PeerDialer {
 public:
  // `tls`: of TlsContext::peer_client().
  SocketPeerDialer(Loop& loop, std::shared_ptr<TlsContext> tls) : loop_(loop), tls_(std::move(tls)) {}

  // For connections from now on.
  void set_tls(std::shared_ptr<TlsContext> tls) { tls_ = std::move(tls); }

  std::unique_ptr<Dialling> dial(const Address& address, OnDone on_done) override;

 private:
  class SocketDialling;

  Loop& loop_;
  std::shared_ptr<TlsContext> tls_;
};

}  // namespace tenfold::broker
