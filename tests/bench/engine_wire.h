// Two TlsEngines back to back in memory: plaintext in at one end, plaintext out at the other.
#pragma once

#include <functional>
#include <utility>

#include "bare_tls.h"
#include "tls/tls_engine.h"

namespace tenfold::bench {

class EngineWire {
 public:
  // `arrived`: plaintext at the client, or at the server.
  using Arrived = std::function<void(bool at_client, Bytes plaintext)>;

  EngineWire(Runtime& runtime, Arrived arrived)
      : arrived_(std::move(arrived)),
        client_(*this, true, runtime, contexts_.client, TlsEngine::Role::client, "broker.example"),
        server_(*this, false, runtime, contexts_.server, TlsEngine::Role::server, "") {
    client_.engine.start();
    while (move(client_.engine, server_.engine) | move(server_.engine, client_.engine)) {
    }
    must(client_.engine.ready() && server_.engine.ready(), "no TLS handshake");
  }

  void send(bool from_client, Bytes plaintext) {
    TlsEngine& from = from_client ? client_.engine : server_.engine;
    from.write(plaintext);
    move(from, from_client ? server_.engine : client_.engine);
  }

 private:
  struct End final : TlsEngine::Handler {
    End(EngineWire& w, bool is_client, Runtime& runtime, std::shared_ptr<TlsContext> context, TlsEngine::Role role,
        std::string_view host)
        : wire(w), client(is_client), engine(runtime, std::move(context), role, host, *this) {}
    void on_tls_ready() override {}
    void on_tls_data(Bytes plaintext) override { wire.arrived_(client, plaintext); }
    void on_tls_end() override {}
    void on_tls_error(const Error&) override { must(false, "TLS failed"); }
    EngineWire& wire;
    const bool client;
    TlsEngine engine;
  };

  // As the output lies there: copying it would be the kernel's part.
  static bool move(TlsEngine& from, TlsEngine& to) {
    ByteQueue& output = from.output();
    bool moved = false;
    while (!output.empty()) {
      const Bytes run = output.front();
      to.receive(run);
      output.consume(run.size());
      moved = true;
    }
    return moved;
  }

  Contexts contexts_;
  Arrived arrived_;
  End client_;
  End server_;
};

}  // namespace tenfold::bench
