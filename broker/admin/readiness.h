// Readiness: whether this broker should get new visitors and agents: a list of named checks. A load balancer asks for
// it at /readyz.
//
//   readiness.add("draining", [&] { return draining ? "the broker is going down" : ""; });
//   readiness.add("registry", [&] { … }, Readiness::Weight::tells);
//   for (const Readiness::Found& found : readiness.look()) …
//
// On the loop's thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tenfold::broker {

class Readiness {
 public:
  // Why the check fails, for people; empty: it passes. Cheap, and answers from what is known.
  using Check = std::function<std::string()>;

  // What a check that fails does. One that would fail on all replicas at the same time only tells: a balancer without a
  // ready replica serves nobody, though each still serves what it knows.
  enum class Weight : std::uint8_t { decides, tells };

  // `name`: a literal.
  void add(std::string_view name, Check check, Weight weight = Weight::decides) {
    checks_.push_back({name, std::move(check), weight});
  }

  struct Found {
    std::string_view name;
    std::string failing;  // empty: it passes
    Weight weight = Weight::decides;
  };
  std::vector<Found> look() const {
    std::vector<Found> found;
    for (const auto& [name, check, weight] : checks_) found.push_back({name, check(), weight});
    return found;
  }

  static bool is_ready(const std::vector<Found>& checks) {
    return std::all_of(checks.begin(), checks.end(),
                       [](const Found& each) { return each.failing.empty() || each.weight == Weight::tells; });
  }

 private:
  struct Named {
    std::string_view name;
    Check check;
    Weight weight;
  };
  std::vector<Named> checks_;
};

}  // namespace tenfold::broker
