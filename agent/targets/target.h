// Target: where a tunnel leads: opens a Duplex to it. The command line selects the kind; the forwarding code does not
// depend on it.
//
//   dialing_ = target.open([this](Result<std::unique_ptr<Duplex>> pipe) { … });
//
// One call in a later turn; destroying the Dialing cancels. Errors of the app: refused, timeout, dns, tls, io. limit:
// the agent is out of descriptors, ports or memory. A target outlives the pipes that it opens.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "agent/targets/dialing.h"
#include "base/result.h"
#include "duplex.h"

namespace tenfold {

class Target {
 public:
  using OnOpen = std::function<void(Result<std::unique_ptr<Duplex>>)>;

  virtual ~Target() = default;
  virtual std::unique_ptr<Dialing> open(OnOpen on_open) = 0;
  // As shown to people: "http://localhost:8080".
  virtual std::string text() const = 0;
};

}  // namespace tenfold
