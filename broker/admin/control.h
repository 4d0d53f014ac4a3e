// Control: what the operator's door may change, done by the broker.
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace tenfold::broker {

class Control {
 public:
  // Ends the tunnels of that name, and the requests that run through them; its agents are told. The name is refused for
  // `ban` from now on, with the code `banned`; zero: it is free. False: no such name, and nothing banned.
  virtual Result<bool> kill(std::string_view name, Duration ban) = 0;

 protected:
  ~Control() = default;
};

}  // namespace tenfold::broker
