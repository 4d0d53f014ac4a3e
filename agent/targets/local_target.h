// LocalTarget: the one place that the agent ever carries visitors to, fixed by the command line. Dials it,
// and knows whether it answers. `localhost` means ::1 and 127.0.0.1: development servers listen on
// either, so both are tried, the one that worked last time first.
//
//   dialing_ = target.open([this](Result<std::unique_ptr<Duplex>> pipe) { … });
//
// Errors: refused, timeout, dns, tls, io. Outlives what it opens.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "agent/screen/status.h"
#include "agent/targets/endpoint.h"
#include "agent/targets/network.h"
#include "base/runtime.h"

namespace tenfold {

class LocalTarget {
 public:
  using OnOpen = std::function<void(Result<std::unique_ptr<Duplex>>)>;

  // `tls`: for an https target. See local_verifies().
  LocalTarget(Runtime& runtime, Network& network, Status& status, const Endpoint& endpoint,
              std::shared_ptr<TlsContext> tls);

  // As a Network's dial: one call in a later turn; destroying the Dialing cancels.
  std::unique_ptr<Dialing> open(OnOpen on_open);

 private:
  class Opening;
  void on_result(const Error& error);

  Runtime& runtime_;
  Network& network_;
  Status& status_;
  Endpoint endpoint_;
  std::shared_ptr<TlsContext> tls_;
  std::vector<Address> addresses_;  // to try in turn
  std::size_t first_ = 0;           // of addresses_: the one that worked last
};

// A local app's certificate is checked, but on loopback: nobody stands in between there, and development
// servers make their own.
inline bool local_verifies(const Endpoint& endpoint) { return !is_loopback(endpoint.address.host); }

}  // namespace tenfold
