// Dialing: a pending connection of a Network or a Target. Destroying it cancels without a call; inside the call itself,
// bury it.
#pragma once

namespace tenfold {

class Dialing {
 public:
  virtual ~Dialing() = default;
};

}  // namespace tenfold
