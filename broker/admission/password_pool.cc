#include "broker/admission/password_pool.h"

#include <algorithm>
#include <utility>

#include "broker/admission/secret.h"
#include "broker/rules.h"
#include "tls/password.h"

namespace tenfold::broker {
namespace {

constexpr std::size_t secret_bytes = 32;

// Unambiguous: two different triples never give the same text.
std::string joined(const VisitorLogin& login, std::string_view password) {
  std::string text;
  for (const std::string_view part : {std::string_view(login.salt), std::string_view(login.hash), password}) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  }
  return text;
}

}  // namespace

// A password being hashed, and the calls that wait for it.
struct PasswordPool::Job {
  std::string key;
  std::string wanted;  // the expected hash
  IntrusiveList<Call> calls;
  std::unique_ptr<PoolJob> pool;
};

PasswordPool::PasswordPool(Loop& loop) : loop_(loop), secret_(random_bytes(secret_bytes)) {}
PasswordPool::~PasswordPool() = default;

std::optional<PasswordPool::Verdict> PasswordPool::ask(const VisitorLogin& login, std::string_view password,
                                                       Call& call) {
  std::string key = keyed_hash(secret_, joined(login, password));
  if (const auto known = known_.find(key); known != known_.end() && known->second.until > loop_.runtime().now()) {
    return known->second.right ? Verdict::right : Verdict::wrong;
  }
  const auto same = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& job) { return job->key == key; });
  if (same != jobs_.end()) {
    (*same)->calls.push_back(call);
    return {};
  }
  if (jobs_.size() >= rules::password_checks) return Verdict::busy;
  jobs_.push_back(std::make_unique<Job>());
  Job& job = *jobs_.back();
  job.key = std::move(key);
  job.wanted = login.hash;
  job.calls.push_back(call);
  job.pool = std::make_unique<PoolJob>(
      loop_, [password = std::string(password), salt = login.salt] { return password_hash(password, salt); },
      [this, &job](const std::string& hash) { on_hashed(job, hash); });
  return {};
}

void PasswordPool::on_hashed(Job& job, const std::string& hash) {
  const bool right = !hash.empty() && same_secret(hash, job.wanted);
  remember(job.key, right);
  const auto place = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& each) { return each.get() == &job; });
  std::unique_ptr<Job> over = std::move(*place);
  jobs_.erase(place);
  while (Call* call = over->calls.pop_front()) call->on_password(right ? Verdict::right : Verdict::wrong);
  loop_.runtime().graveyard.bury(std::move(over));
}

void PasswordPool::remember(const std::string& key, bool right) {
  const TimePoint now = loop_.runtime().now();
  if (known_.size() >= rules::verdicts_kept) {
    std::erase_if(known_, [&](const auto& entry) { return entry.second.until <= now; });
    if (known_.size() >= rules::verdicts_kept) known_.clear();
  }
  known_[key] = {right, now + rules::verdict_kept};
}

}  // namespace tenfold::broker
