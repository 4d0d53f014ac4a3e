// TlsEngine: one TLS connection as a transform between ciphertext and plaintext. No socket.
//
//   TlsEngine engine(runtime, context, TlsEngine::Role::client, "broker.example", handler);
//   engine.start();                       // a client's first flight
//   engine.receive(ciphertext);           // events come from inside
//   engine.write(plaintext);              // on_tls_output() comes from inside
//
// A close_notify is on_tls_end(); the caller reports the transport's end without one as a cut. Plaintext written before
// the handshake is done waits inside. The engine has no back-pressure: the caller bounds its input by the bytes that it
// holds from on_tls_data(), and its writes by those from on_tls_output().
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
    // Ciphertext for the peer: a record or a flight, from inside any call. Valid during the event, in which the engine
    // must not be called.
    virtual void on_tls_output(Bytes ciphertext) = 0;
    // The keys are agreed, and a verifying client has authenticated its peer.
    virtual void on_tls_ready() = 0;
    // Plaintext; valid during the call.
    virtual void on_tls_data(Bytes plaintext) = 0;
    // close_notify: the peer closed cleanly.
    virtual void on_tls_end() = 0;
    // Kind tls or protocol. The last event; the alert for the peer, if any, was output before it.
    virtual void on_tls_error(const Error& why) = 0;

   protected:
    ~Handler() = default;
  };

  // `host`: for a client: the SNI, and the name (or IP) that the certificate must contain. Empty for a server. Between
  // peers it is ignored: TlsPeerOptions::name is for both sides.
  TlsEngine(Runtime& runtime, std::shared_ptr<TlsContext> context, Role role, std::string_view host, Handler& handler);
  ~TlsEngine();
  TlsEngine(const TlsEngine&) = delete;
  TlsEngine& operator=(const TlsEngine&) = delete;

  void start();
  void receive(Bytes ciphertext);
  void write(Bytes plaintext);
  // Queues close_notify after what was written.
  void end();

  bool ready() const;
  // Plaintext that waits for the handshake.
  std::size_t held() const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace tenfold
