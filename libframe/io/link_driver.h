// LinkDriver: feeds a Link from its transport and the transport from the Link. Frames are
// gathered once a turn, and only while the transport has little queued, so that fairness is decided late.
#pragma once

#include <memory>

#include "duplex.h"
#include "io/loop.h"
#include "mux/link.h"

namespace tenfold {

class LinkDriver final : private Duplex::Handler, private Deferred, private Link::Handler {
 public:
  // Takes the transport after its handshake; `early` are bytes behind the handshake that were
  // delivered to a former handler and not credited. Events of the link go on to `handler`; on_link_output() stays here.
  LinkDriver(Loop& loop, std::unique_ptr<Duplex> transport, Link::Role role, const LinkOptions& options,
             Link::Handler& handler);
  ~LinkDriver();

  void start(Bytes early);

  Link& link() { return link_; }

 private:
  // IMPLEMENTATION
};

}  // namespace tenfold
