// Terminal: stdout and stderr as the Status sees them.
#pragma once

#include "agent/status.h"

namespace tenfold {

class Terminal final : public StatusOutput {
 public:
  void out(std::string_view line) override;
  void err(std::string_view line) override;
};

// stderr is a terminal, and NO_COLOR (https://no-color.org) is not set.
bool wants_colour();

}  // namespace tenfold
