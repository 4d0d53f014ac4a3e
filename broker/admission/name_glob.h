// NameGlob: a pattern for tunnel names: letters, digits and dashes as they are, `*` for any number of them. "team-a-*"
// fits "team-a-web" and not "team-b".
#pragma once

#include <string_view>

namespace tenfold::broker {

// A pattern that a name can fit: of a-z, 0-9, '-' and '*', 63 characters at most.
bool is_name_glob(std::string_view text);

bool fits_glob(std::string_view glob, std::string_view name);

}  // namespace tenfold::broker
