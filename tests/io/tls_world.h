// Two TlsSockets over one loopback connection, whose ends trust each other.
#pragma once

#include <memory>
#include <utility>

#include "io/tls_socket.h"
#include "io_world.h"
#include "support/test_certificate.h"

namespace tenfold::test {

struct TlsWorld : IoWorld {
  static std::shared_ptr<TlsContext> must(Result<std::shared_ptr<TlsContext>> context) {
    if (!context) FAIL(describe(context.error()));
    return *context;
  }

  std::unique_ptr<TlsSocket> client(std::unique_ptr<Duplex> transport, std::function<void()> on_ready = {},
                                    std::string_view host = "broker.example") {
    return std::make_unique<TlsSocket>(loop, std::move(transport), client_context, TlsEngine::Role::client, host,
                                       std::move(on_ready));
  }
  std::unique_ptr<TlsSocket> server(std::unique_ptr<Duplex> transport, std::function<void()> on_ready = {}) {
    return std::make_unique<TlsSocket>(loop, std::move(transport), server_context, TlsEngine::Role::server, "",
                                       std::move(on_ready));
  }

  TemporaryDirectory directory;
  CertificateFiles files = make_certificate(directory.path(), {"broker.example"});
  std::shared_ptr<TlsContext> server_context = must(TlsContext::server({files.cert, files.key}));
  std::shared_ptr<TlsContext> client_context = must(TlsContext::client({files.ca}));
};

struct TlsPair {
  explicit TlsPair(TlsWorld& world) : TlsPair(world, TcpPair(world)) {}
  TlsPair(TlsWorld& world, TcpPair tcp)
      : client_transport(tcp.client.get()),
        server_transport(tcp.server.get()),
        client(world.client(std::move(tcp.client))),
        server(world.server(std::move(tcp.server))) {}

  TcpSocket* client_transport;
  TcpSocket* server_transport;
  Recorder client;
  Recorder server;
};

}  // namespace tenfold::test
