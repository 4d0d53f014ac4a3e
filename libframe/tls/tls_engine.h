// TlsEngine: one TLS connection as a transform: ciphertext in, plaintext out, and the
// other way. No socket.
//
//   TlsEngine engine(runtime, context, TlsEngine::Role::client, "broker.example", handler);
//   engine.start();                       // a client's first flight
//   engine.receive(ciphertext);           // events come from inside
//   engine.write(plaintext);              // on_tls_output() comes from inside
//
// A close_notify is on_tls_end(); the end of the transport without one is the
// caller's to call a cut. Plaintext written before the handshake is done waits
// inside. The caller stops feeding by what it holds of on_tls_data(), and stops
// writing by what it holds of on_tls_output(): nothing in here says no.
//
// A handler must not destroy the engine from inside an event.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/runtime.h"
#include "tls/tls_context.h"

namespace tenfold {

class TlsEngine {
 public:
  enum class Role { client, server };

  class Handler {
   public:
    // Encrypted, for the peer: a record or a flight, from inside any call; valid during the event, in which the engine
    // must not be called.
    virtual void on_tls_output(Bytes ciphertext) = 0;
    // Peer authenticated (a client that verifies) and keys agreed.
    virtual void on_tls_ready() = 0;
    // Decrypted; valid during the call.
    virtual void on_tls_data(Bytes plaintext) = 0;
    // close_notify: the peer's clean end.
    virtual void on_tls_end() = 0;
    // Kind tls or protocol. The last event: the alert for the peer, if there is one, came before it.
    virtual void on_tls_error(const Error& why) = 0;

   protected:
    ~Handler() = default;
  };

  // `host`: a client's: SNI and the name (or IP) that the certificate must bear. Empty for a server.
  TlsEngine(Runtime& runtime, std::shared_ptr<TlsContext> context, Role role, std::string_view host, Handler& handler);
  ~TlsEngine();
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  void start();
  void receive(Bytes ciphertext);
  void write(Bytes plaintext);
  // Queues close_notify behind what was written.
  void end();

  bool ready() const;
  // Plaintext that waits for the handshake.
  std::size_t held() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace tenfold
