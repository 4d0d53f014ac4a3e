// Two TlsEngines back to back in memory. Nothing moves by itself: pump() carries ciphertext, in pieces of the
// size that the test wants.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "support/test_certificate.h"
#include "support/test_runtime.h"
#include "tls/tls_engine.h"

namespace tenfold::test {

struct TlsEnd final : TlsEngine::Handler {
  TlsEnd(Runtime& runtime, std::shared_ptr<TlsContext> context, TlsEngine::Role role, std::string_view host = {})
      : engine(runtime, std::move(context), role, host, *this) {}

  void on_tls_output(Bytes ciphertext) override { output += to_text(ciphertext); }
  void on_tls_ready() override {
    CHECK(received.empty());
    ++ready;
  }
  void on_tls_data(Bytes plaintext) override {
    CHECK(ready == 1);
    CHECK_FALSE(ended);
    received += to_text(plaintext);
    ++pieces;
    if (on_data) on_data(plaintext);
  }
  void on_tls_end() override {
    CHECK_FALSE(ended);
    ended = true;
  }
  void on_tls_error(const Error& why) override {
    CHECK_FALSE(error);
    error = why;
  }

  std::string output;  // not carried yet
  TlsEngine engine;
  std::function<void(Bytes)> on_data;
  std::string received;
  int pieces = 0;  // how many on_tls_data()
  int ready = 0;
  bool ended = false;
  std::optional<Error> error;
};

inline std::shared_ptr<TlsContext> must(Result<std::shared_ptr<TlsContext>> context) {
  if (!context) FAIL(describe(context.error()));
  return *context;
}

// Moves at most `chop` bytes; returns whether there were any.
inline bool carry(TlsEnd& from, TlsEnd& to, std::size_t chop) {
  if (from.output.empty()) return false;
  const std::string piece = from.output.substr(0, chop);
  from.output.erase(0, chop);
  to.engine.receive(to_bytes(piece));
  return true;
}

inline void pump(TlsEnd& a, TlsEnd& b, std::size_t chop = 1 << 20) {
  while (carry(a, b, chop) | carry(b, a, chop)) {
  }
}

// A client and a server that trust each other.
struct EnginePair {
  EnginePair() : EnginePair(TlsServerOptions{}, TlsClientOptions{}) {}
  EnginePair(TlsServerOptions server_options, TlsClientOptions client_options) {
    server_options.cert_file = files.cert;
    server_options.key_file = files.key;
    client_options.ca_file = files.ca;
    server.emplace(rt.runtime, must(TlsContext::server(server_options)), TlsEngine::Role::server);
    client.emplace(rt.runtime, must(TlsContext::client(client_options)), TlsEngine::Role::client, "broker.example");
    client->engine.start();
  }

  void pump(std::size_t chop = 1 << 20) { test::pump(*client, *server, chop); }

  TestRuntime rt;
  TemporaryDirectory directory;
  CertificateFiles files = make_certificate(directory.path(), {"broker.example"});
  std::optional<TlsEnd> server;
  std::optional<TlsEnd> client;
};

}  // namespace tenfold::test
