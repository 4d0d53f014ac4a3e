// Network: the agent's access to the network: connections, and links over them. The real one is socket_network.h; a
// test uses its own, in memory.
//
//   dialing_ = network.dial(to, [this](Result<Dialed> dialed) { … });
//
// The call comes once, in a later turn. Destroying the Dialing cancels without a call; inside the call itself, bury it.
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

// The purpose of a connection, which decides how its socket is tuned.
enum class DialFor {
  app,   // the local app, or a single answer
  pool,  // a pooled socket: long idle, so NATs must be kept from dropping it
  link,  // ... and little unsent data in the kernel, and early detection of a dead path
};

struct DialTo {
  Address address;
  std::shared_ptr<TlsContext> tls;  // null: plain
  std::string tls_name;             // that the certificate must contain
  Duration deadline{};              // for the whole dial, including the TLS handshake
  DialFor purpose = DialFor::app;
};

struct Dialed {
  std::unique_ptr<Duplex> pipe;
  std::string peer_ip;  // the peer's address; empty for a unix socket
};

// A link together with its driver.
class DrivenLink {
 public:
  virtual ~DrivenLink() = default;
  // Call once. `early`: bytes after the handshake, delivered to an earlier handler and not credited.
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
