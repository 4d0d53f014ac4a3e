#include "broker/admission/name_glob.h"

#include <algorithm>
#include <cstddef>

namespace tenfold::broker {

bool is_name_glob(std::string_view text) {
  constexpr std::size_t most = 63;  // of a DNS label
  return !text.empty() && text.size() <= most && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '*';
  });
}

// Goes back to the last `*` only: an earlier one cannot do better. So the time is at most the product of both lengths.
bool fits_glob(std::string_view glob, std::string_view name) {
  constexpr std::size_t none = std::string_view::npos;
  std::size_t at = 0;
  std::size_t star = none;
  std::size_t taken = 0;  // where the last `*` ends in the name
  for (std::size_t i = 0; i < name.size();) {
    if (at < glob.size() && glob[at] == '*') {
      star = at++;
      taken = i;
    } else if (at < glob.size() && glob[at] == name[i]) {
      ++at;
      ++i;
    } else if (star != none) {
      at = star + 1;
      i = ++taken;
    } else {
      return false;
    }
  }
  return glob.find_first_not_of('*', at) == none;
}

}  // namespace tenfold::broker
