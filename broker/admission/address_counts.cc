#include "broker/admission/address_counts.h"

#include "broker/admission/client_address.h"

namespace tenfold::broker {

AddressCounts::Ticket::~Ticket() {
  if (counts_ == nullptr) return;
  const auto counted = counts_->counts_.find(group_);
  if (counted != counts_->counts_.end() && --counted->second == 0) counts_->counts_.erase(counted);
}

bool AddressCounts::has_room(std::string_view ip) const {
  const auto counted = counts_.find(address_group(ip));
  return counted == counts_.end() || counted->second < per_address_;
}

AddressCounts::Ticket AddressCounts::enter(std::string_view ip) {
  std::string group = address_group(ip);
  ++counts_[group];
  return {*this, std::move(group)};
}

}  // namespace tenfold::broker
