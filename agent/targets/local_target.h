// LocalTarget: an app on a TCP port, with or without TLS. Dials it, and tracks whether it answers. `localhost` means
// ::1 and 127.0.0.1: development servers listen on either, so both are tried, first the one that worked last time.
#pragma once

#include <memory>
#include <vector>

#include "agent/screen/tunnel_status.h"
#include "agent/targets/endpoint.h"
#include "agent/targets/network.h"
#include "agent/targets/target.h"
#include "base/runtime.h"

namespace tenfold {

class LocalTarget final : public Target {
 public:
  // `tls`: for an https target. See local_verifies().
  LocalTarget(Runtime& runtime, Network& network, TunnelStatus& status, const Endpoint& endpoint,
              std::shared_ptr<TlsContext> tls);

  std::unique_ptr<Dialing> open(OnOpen on_open) override;
  std::string text() const override { return to_string(endpoint_); }

 private:
  class Opening;
  void on_result(const Error& error);

  Runtime& runtime_;
  Network& network_;
  TunnelStatus& status_;
  Endpoint endpoint_;
  std::shared_ptr<TlsContext> tls_;
  std::vector<Address> addresses_;  // to try in turn
  std::size_t first_ = 0;           // index of the address that worked last
  bool worked_ = false;             // whether one has worked
};

// A local app's certificate is verified, except on loopback: its path is inside this machine, and development servers
// use self-signed certificates.
inline bool local_verifies(const Endpoint& endpoint) { return !is_loopback(endpoint.address.host); }

}  // namespace tenfold
