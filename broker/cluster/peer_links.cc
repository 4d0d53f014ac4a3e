#include "broker/cluster/peer_links.h"

#include <algorithm>
#include <utility>

#include "broker/rules.h"

namespace tenfold::broker {

PeerLink* PeerLinks::link_to(const ReplicaId& replica, const std::string& address) {
  const auto known = std::find_if(links_.begin(), links_.end(), [&](const auto& link) {
    return link->replica() == replica && link->address() == address;
  });
  if (known != links_.end()) return known->get();
  if (links_.size() == rules::peer_links) {
    // One that was there before, most likely.
    const auto unused = std::find_if(links_.begin(), links_.end(), [](const auto& link) { return link->is_unused(); });
    if (unused == links_.end()) return nullptr;
    loop_.runtime().graveyard.bury(std::move(*unused));
    links_.erase(unused);
  }
  links_.push_back(std::make_unique<PeerLink>(loop_, dialer_, replica, address));
  return links_.back().get();
}

}  // namespace tenfold::broker
