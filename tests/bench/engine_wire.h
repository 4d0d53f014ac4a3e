// Two TlsEngines back to back in memory: plaintext in at one end, plaintext out at the other.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

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
    carry();
    must(client_.engine.ready() && server_.engine.ready(), "no TLS handshake");
  }

  void write(bool from_client, Bytes plaintext) { (from_client ? client_ : server_).engine.write(plaintext); }

  // What was written arrives.
  void carry() {
    while (move(client_, server_) | move(server_, client_)) {
    }
  }

 private:
  struct End final : TlsEngine::Handler {
    End(EngineWire& w, bool is_client, Runtime& runtime, std::shared_ptr<TlsContext> context, TlsEngine::Role role,
        std::string_view host)
        : wire(w), client(is_client), engine(runtime, std::move(context), role, host, *this) {}
    // Kept as a kernel keeps it.
    void on_tls_output(Bytes ciphertext) override {
      under_way.insert(under_way.end(), ciphertext.begin(), ciphertext.end());
    }
    void on_tls_ready() override {}
    void on_tls_data(Bytes plaintext) override { wire.arrived_(client, plaintext); }
    void on_tls_end() override {}
    void on_tls_error(const Error&) override { must(false, "TLS failed"); }
    EngineWire& wire;
    const bool client;
    std::vector<std::uint8_t> under_way;
    TlsEngine engine;
  };

  // As a socket is read. What arrives makes its own end write, never the one that it comes from.
  static bool move(End& from, End& to) {
    for (Bytes left = from.under_way; !left.empty();) {
      const Bytes run = left.first(std::min(left.size(), limits::read_at_once));
      to.engine.receive(run);
      left = left.subspan(run.size());
    }
    const bool moved = !from.under_way.empty();
    from.under_way.clear();
    return moved;
  }

  Contexts contexts_;
  Arrived arrived_;
  End client_;
  End server_;
};

}  // namespace tenfold::bench
