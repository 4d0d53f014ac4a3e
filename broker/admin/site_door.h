// SiteDoor: a listener of the operator's, --health or --admin, and the connections to it. It serves a Site over
// HTTP/1.1, apart from the public side: no visitor, tunnel or limit of that side is involved, so it answers while the
// public side is full.
//
//   SiteDoor door(loop, "health", site);
//   if (Error error = door.listen(address)) …
//
// At most rules::admin_connections at once; further ones are closed. A request's body is discarded, and refused with
// 413 beyond rules::admin_body.
//
// Owned by the broker, which destroys it last: it answers until the process ends.
#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>

#include "broker/admin/site.h"
#include "http/date_text.h"
#include "http/patience.h"
#include "http1/server_connection.h"
#include "io/loop.h"
#include "io/tcp_listener.h"

namespace tenfold::broker {

class SiteDoor final {
 public:
  // `kind`: for the log, a literal. `site` outlives the door.
  SiteDoor(Loop& loop, std::string_view kind, Site& site);
  ~SiteDoor();

  // The error names the address.
  Error listen(const Address& address);

 private:
  class Caller;

  void on_accept(std::unique_ptr<TcpSocket> socket);
  void on_closed(Caller& caller);

  Loop& loop_;
  const std::string_view kind_;
  Site& site_;
  const http::Patience patience_;
  http1::ServerShared shared_;
  http::DateText dates_;
  std::unique_ptr<TcpListener> listener_;
  std::unordered_map<Caller*, std::unique_ptr<Caller>> callers_;
};

}  // namespace tenfold::broker
