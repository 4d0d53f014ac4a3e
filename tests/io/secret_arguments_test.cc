// What `ps` shows of a command line with secrets.
#include "io/secret_arguments.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

using namespace tenfold;

namespace {

std::vector<std::string> shown(std::vector<std::string> words) {
  static constexpr std::array<std::string_view, 1> flags = {"--token"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  hide_arguments(static_cast<int>(argv.size()), argv.data(), flags);
  return words;
}

}  // namespace

TEST_CASE("a secret's value is written over, however it is given, and nothing else is") {
  using Words = std::vector<std::string>;
  CHECK(shown({"agent", "--token", "s3cret", "80"}) == Words{"agent", "--token", "xxxxxx", "80"});
  CHECK(shown({"agent", "--token=s3cret", "80"}) == Words{"agent", "--token=xxxxxx", "80"});
  CHECK(shown({"agent", "--token-file", "path"}) == Words{"agent", "--token-file", "path"});
  CHECK(shown({"agent", "80", "--token"}) == Words{"agent", "80", "--token"});
  CHECK(shown({"--token", "s3cret"}) == Words{"--token", "s3cret"});
}
