// Resume tokens: what an agent shows to get its name back after a lost link, on any replica that has the same key.
// The broker keeps nothing of them: a token carries the name, whose it is and its expiry, sealed by HMAC-SHA-256.
//
//   std::string token = tokens.seal("blue-fox", who, claim.generation);
//   std::optional<Claimant> who = tokens.open(token, "blue-fox");    // nothing: not sealed by our keys, or too old
//
// Two keys while they rotate: the first one seals, both open. Pure but for the clock, which is an argument: a token is
// shown to other machines, so its expiry is in the time of day.
#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "broker/tunnels/claimant.h"

namespace tenfold::broker {

// The keys of --cluster-secret-file: one a line, at least 32 characters each, two at most; empty lines and lines that
// start with '#' are ignored. Errors (usage) name the file and the line, never a key.
Result<std::vector<std::string>> read_cluster_keys(const std::string& path);

class ResumeTokens {
 public:
  using Clock = std::function<std::int64_t()>;  // seconds since 1970

  // `keys`: at least one.
  explicit ResumeTokens(
      std::vector<std::string> keys, Clock clock = [] { return std::int64_t{std::time(nullptr)}; });

  std::string seal(std::string_view name, const Claimant& who, std::uint64_t generation) const;
  std::optional<Claimant> open(std::string_view token, std::string_view name) const;

  // Those in use are to be renewed.
  void rotate(std::vector<std::string> keys);

 private:
  struct Key {
    std::string id;  // tells which key sealed a token, and nothing of the key
    std::string secret;
  };
  static std::vector<Key> with_ids(std::vector<std::string> keys);

  std::vector<Key> keys_;
  Clock clock_;
};

}  // namespace tenfold::broker
