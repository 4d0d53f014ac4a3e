#include "broker/tunnels/tunnel_name.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "broker/admission/secret.h"
#include "mux/handshake.h"

namespace tenfold::broker {
namespace {

constexpr std::array<std::string_view, 64> first_words = {
    "amber", "brave",  "brief", "bright", "brisk", "calm",  "clear", "clever", "cool",   "coral", "crisp",
    "curly", "dapper", "eager", "early",  "fair",  "fancy", "fast",  "fine",   "fleet",  "fresh", "gentle",
    "glad",  "gold",   "good",  "grand",  "great", "green", "happy", "honest", "jolly",  "keen",  "kind",
    "light", "lively", "loud",  "lucky",  "merry", "mild",  "neat",  "nice",   "noble",  "plain", "proud",
    "quick", "quiet",  "rapid", "ready",  "rosy",  "round", "sharp", "shiny",  "silver", "smart", "smooth",
    "snug",  "solid",  "sunny", "swift",  "tidy",  "vivid", "warm",  "wise",   "witty"};
constexpr std::array<std::string_view, 64> second_words = {
    "badger", "beaver", "bee",     "bison", "bobcat", "cat",    "cicada", "condor", "crab",  "crane", "cricket",
    "crow",   "deer",   "dingo",   "dove",  "eagle",  "egret",  "falcon", "ferret", "finch", "fox",   "gecko",
    "goat",   "goose",  "hare",    "hawk",  "heron",  "horse",  "ibis",   "jackal", "jay",   "koala", "lark",
    "lemur",  "lion",   "lizard",  "llama", "lynx",   "magpie", "marten", "mole",   "moose", "newt",  "ocelot",
    "orca",   "otter",  "owl",     "panda", "pigeon", "puffin", "quail",  "rabbit", "raven", "robin", "salmon",
    "seal",   "shrew",  "sparrow", "stork", "swan",   "tern",   "toad",   "trout",  "wren"};
constexpr std::string_view tail_letters = "23456789abcdefghijkmnpqrstuvwxyz";  // 32, none to be confused

static_assert(!first_words.back().empty() && !second_words.back().empty(), "a word is missing");

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

}  // namespace

bool is_tunnel_name(std::string_view name) {
  if (name.empty() || name.size() > 63 || name == handshake::control_authority) return false;
  return is_alnum(name.front()) && is_alnum(name.back()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return c == '-' || is_alnum(c); });
}

std::string random_tunnel_name() {
  const std::string random = random_bytes(10);
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(random[i]); };
  std::string name;
  name += first_words[at(0) % first_words.size()];
  name += '-';
  name += second_words[at(1) % second_words.size()];
  name += '-';
  for (std::size_t i = 2; i < random.size(); ++i) name += tail_letters[at(i) % tail_letters.size()];
  return name;
}

std::string random_tunnel_name(std::string_view glob) {
  constexpr std::size_t most = 63;
  const std::size_t star = glob.find('*');
  if (star == std::string_view::npos) return std::string(glob);
  std::string name(glob);
  std::erase(name, '*');
  const std::string chosen = random_tunnel_name();
  const bool fits = name.size() + chosen.size() <= most;
  return name.insert(star, fits ? chosen : chosen.substr(chosen.rfind('-') + 1));
}

}  // namespace tenfold::broker
