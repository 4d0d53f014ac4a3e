// NameBans: names that the operator has banned for a time. A ban refuses a new tunnel of that name, whoever asks and
// whatever he shows.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/time.h"
#include "broker/rules.h"

namespace tenfold::broker {

class NameBans {
 public:
  // Until then; a later ban of the same name replaces it. False: rules::name_bans names are banned already.
  bool ban(std::string_view name, TimePoint until, TimePoint now) {
    std::erase_if(until_, [now](const auto& each) { return each.second <= now; });
    if (until_.size() >= rules::name_bans && !until_.contains(name)) return false;
    until_.insert_or_assign(std::string(name), until);
    return true;
  }

  bool has(std::string_view name, TimePoint now) const {
    const auto found = until_.find(name);
    return found != until_.end() && now < found->second;
  }

 private:
  std::map<std::string, TimePoint, std::less<>> until_;
};

}  // namespace tenfold::broker
