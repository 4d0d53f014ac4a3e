// Target: what a tunnel leads to: "open me a Duplex". Which it is, is fixed by the command line; whoever forwards does
// not know which.
//
//   dialing_ = target.open([this](Result<std::unique_ptr<Duplex>> pipe) { … });
//
// One call in a later turn; destroying the Dialing cancels. Errors: refused, timeout, dns, tls, io: the app's. limit:
// the agent has no descriptor, port or memory to spare. A target outlives what it opens.
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
  // As people are to read it: "http://localhost:8080".
  virtual std::string text() const = 0;
};

}  // namespace tenfold
