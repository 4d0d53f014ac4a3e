#include "io/secret_arguments.h"

#include <algorithm>
#include <cstring>

namespace tenfold {
namespace {

void write_over(char* text) { std::fill_n(text, std::strlen(text), 'x'); }

}  // namespace

void hide_arguments(int argc, char** argv, std::span<const std::string_view> flags) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    for (const std::string_view flag : flags) {
      if (!word.starts_with(flag)) continue;
      if (word.size() == flag.size() && i + 1 < argc) write_over(argv[i + 1]);
      if (word.size() > flag.size() && word[flag.size()] == '=') write_over(argv[i] + flag.size() + 1);
    }
  }
}

}  // namespace tenfold
