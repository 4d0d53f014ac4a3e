// Secrets on a command line, taken out of what `ps` shows of this process: their values are written over. Whoever looks
// before that sees them, so a file or a variable of the environment is the better place.
#pragma once

#include <span>
#include <string_view>

namespace tenfold {

// Of `--flag VALUE` and `--flag=VALUE`, for each of the flags. After the arguments were copied; the lengths stay.
void hide_arguments(int argc, char** argv, std::span<const std::string_view> flags);

}  // namespace tenfold
