// Site: answers one request of the operator's doors at once, without its body. Served by a SiteDoor.
#pragma once

#include "broker/desk/reply.h"
#include "http/head.h"

namespace tenfold::broker {

class Site {
 public:
  // The answer to a HEAD is that of a GET; its body is left out by the door.
  virtual Reply answer(const http::RequestHead& head) = 0;

 protected:
  ~Site() = default;
};

}  // namespace tenfold::broker
