// PeerLinks: the links that this replica dials to others, one for each.
//
//   PeerLinks links(loop, dialer);
//   PeerLink* link = links.link_to(replica, "10.0.0.7:7090");   // null: rules::peer_links are in use
//
// Owned by the broker, on the loop's thread. Tunnels that ride on a link leave it when it goes, close() included.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "broker/cluster/peer_link.h"

namespace tenfold::broker {

class PeerLinks final {
 public:
  // `dialer` outlives the links.
  PeerLinks(Loop& loop, PeerDialer& dialer) : loop_(loop), dialer_(dialer) {}

  // Good until the next call. `address`: HOST:PORT, as the replica says that it is reached at.
  PeerLink* link_to(const ReplicaId& replica, const std::string& address);

  // For who shows them: up or not.
  const std::vector<std::unique_ptr<PeerLink>>& all() const { return links_; }

  // All links go at once.
  void close() { links_.clear(); }

 private:
  Loop& loop_;
  PeerDialer& dialer_;
  std::vector<std::unique_ptr<PeerLink>> links_;
};

}  // namespace tenfold::broker
