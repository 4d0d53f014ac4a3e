// TlsSocket: a TLS connection over another pipe, as a Duplex. A close_notify is FIN; the
// transport's end without one is a cut. Reads and writes before the handshake is done wait.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "duplex.h"
#include "io/loop.h"
#include "tls/tls_context.h"
#include "tls/tls_engine.h"

namespace tenfold {

class TlsSocket final : public Duplex {
 public:
  // `on_ready`: once, when the handshake is done (may be empty). A handshake that does not end
  // within limits::tls_handshake_time is on_closed(timeout); one that fails, on_closed(tls).
  TlsSocket(Loop& loop, std::unique_ptr<Duplex> transport, std::shared_ptr<TlsContext> context, TlsEngine::Role role,
            std::string_view host, std::function<void()> on_ready = {});
  ~TlsSocket() override;

  void set_handler(Handler* handler) override;
  std::size_t write(Bytes bytes) override;
  std::size_t queued() const override;
  void end() override;
  void reset(ErrorKind why) override;
  void credit(std::size_t n) override;

 private:
  // IMPLEMENTATION
};

}  // namespace tenfold
