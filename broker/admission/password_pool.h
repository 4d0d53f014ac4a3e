// PasswordPool: checks passwords on threads of the loop's pool. A verdict is cached for rules::verdict_kept under a
// keyed hash, so that a page and its images need one check.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time.h"
#include "broker/admission/password_check.h"
#include "broker/rules.h"
#include "io/pool_job.h"

namespace tenfold::broker {

class PasswordPool final : public PasswordCheck {
 public:
  explicit PasswordPool(Loop& loop);
  ~PasswordPool();

  std::optional<Verdict> ask(const VisitorLogin& login, std::string_view password, Call& call) override;

 private:
  struct Job;
  struct Known {
    bool right;
    TimePoint until;
  };

  void on_hashed(Job& job, const std::string& hash);
  void remember(const std::string& key, bool right);

  Loop& loop_;
  const std::string secret_;  // random, per process
  std::unordered_map<std::string, Known> known_;
  std::vector<std::unique_ptr<Job>> jobs_;
};

}  // namespace tenfold::broker
