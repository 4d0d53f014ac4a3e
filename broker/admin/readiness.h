// Readiness: whether this broker should get new visitors and agents: a list of named checks. A load balancer asks for
// it at /readyz.
//
//   readiness.add("registry", [&] { return registry.is_away() ? "no answer for 3 s" : ""; });
//   for (const Readiness::Found& found : readiness.look()) …
//
// On the loop's thread.
#pragma once

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

  // `name`: a literal.
  void add(std::string_view name, Check check) { checks_.push_back({name, std::move(check)}); }

  struct Found {
    std::string_view name;
    std::string failing;  // empty: it passes
  };
  std::vector<Found> look() const {
    std::vector<Found> found;
    for (const auto& [name, check] : checks_) found.push_back({name, check()});
    return found;
  }

 private:
  struct Named {
    std::string_view name;
    Check check;
  };
  std::vector<Named> checks_;
};

}  // namespace tenfold::broker
