// Network: what the agent wants of the world outside: connections, and a link that is fed from
// one. The real one is socket_network.h; a test has its own, in memory.
//
//   dialing_ = network.dial(to, [this](Result<Dialed> dialed) { … });
//
// The call comes once, in a later turn. Destroying the Dialing cancels without a call; inside
// the call itself, bury it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/targets/dialing.h"
#include "base/address.h"
#include "base/result.h"
#include "base/time.h"
#include "duplex.h"
#include "mux/link.h"
#include "tls/tls_context.h"

namespace tenfold {

// What a connection is for, which decides how its socket is tuned.
enum class DialFor {
  app,   // the local app, or a single answer
  pool,  // a pooled socket: it lies idle for long, and NATs on its way must not forget it
  link,  // ... and little unsent in the kernel, a dead path found out soon
};

struct DialTo {
  Address address;
  std::shared_ptr<TlsContext> tls;  // null: plain
  std::string tls_name;             // that the certificate must bear
  Duration deadline{};              // for all of it, the TLS handshake included
  DialFor purpose = DialFor::app;
};

struct Dialed {
  std::unique_ptr<Duplex> pipe;
  std::string peer_ip;  // who answered; empty on a unix socket
};

// A link together with what feeds it.
class DrivenLink {
 public:
  virtual ~DrivenLink() = default;
  // Once. `early`: bytes behind the handshake, delivered to a former handler and not credited.
  virtual void start(Bytes early) = 0;
  virtual Link& link() = 0;
};

class Network {
 public:
  using OnDialed = std::function<void(Result<Dialed>)>;

  virtual std::unique_ptr<Dialing> dial(const DialTo& to, OnDialed on_dialed) = 0;
  // The agent's end of a link over `transport`.
  virtual std::unique_ptr<DrivenLink> drive(std::unique_ptr<Duplex> transport, Link::Handler& handler) = 0;

 protected:
  ~Network() = default;
};

}  // namespace tenfold
