#include "broker/cluster/cluster_registry.h"

#include <algorithm>
#include <utility>

#include "broker/rules.h"
#include "broker/tunnels/tunnel_name.h"

namespace tenfold::broker {

using handshake::Refusal;

// A name that the directory is asked for, once for all who wait for it.
class ClusterRegistry::Question final : public Directory::Lookup {
 public:
  Question(ClusterRegistry& registry, std::string name) : registry_(registry), name_(std::move(name)) {}
  ~Question() override { cancel(); }

  void ask() { registry_.directory_.lookup(name_, *this); }
  const std::string& name() const { return name_; }

 private:
  void on_found(const NameView& view) override {
    registry_.learn(name_, view);
    registry_.answer(name_);
    registry_.end(*this);
  }
  void on_unknown() override {
    registry_.learn_unknown(name_);
    registry_.answer(name_);
    registry_.end(*this);
  }
  void on_lookup_away() override {
    registry_.answer_away(name_);
    registry_.end(*this);
  }

  ClusterRegistry& registry_;
  const std::string name_;
};

// A claim on its way through the directory.
class ClusterRegistry::ClaimWork final : public Directory::ClaimCall {
 public:
  ClaimWork(ClusterRegistry& registry, std::uint64_t ticket, ClaimRequest request)
      : registry_(registry), ticket_(ticket), request_(std::move(request)), any_name_(request_.name.empty()) {}
  ~ClaimWork() override { cancel(); }

  void start() {
    while (any_name_ && (request_.name.empty() || registry_.is_here(request_.name))) {
      request_.name = random_tunnel_name();
    }
    const Claimant& who = request_.who;
    registry_.directory_.claim({request_.name, who.owner, who.proven(), who.instance, who.generation,
                                registry_.names_.generation_of(request_.name), request_.joins, who.address},
                               *this);
  }

 private:
  void on_claimed(std::uint64_t generation) override { finish(generation); }

  void on_claim_refused(ClaimRefusal why) override {
    switch (why) {
      case ClaimRefusal::taken:
        if (!any_name_ || ++tries_ == rules::random_name_tries) return fail(Refusal::name_taken);
        request_.name.clear();
        return start();
      case ClaimRefusal::banned: return fail(Refusal::banned);
      case ClaimRefusal::warming: return fail(Refusal::registry_away);
    }
  }

  // "While the registry is away a valid token alone is accepted, with generation + 1, published later." But not of a
  // former owner for a name that is another's here.
  void on_claim_away() override {
    if (!request_.who.resumed()) return fail(Refusal::registry_away);
    if (!registry_.names_.is_free_for(request_)) return fail(Refusal::name_taken);
    finish(std::max(request_.who.generation, registry_.names_.generation_of(request_.name)) + 1);
  }

  void finish(std::uint64_t generation) {
    Registry::ClaimCall* const call = registry_.take_claim(ticket_);
    const Claim claim{request_.name, generation};
    if (call == nullptr) {
      // Its connection has gone meanwhile.
      registry_.directory_.give_up(claim.name, claim.generation);
    } else {
      registry_.names_.enter(claim, request_);
      call->on_claimed(claim);
    }
    registry_.end(*this);
  }
  void fail(Refusal why) {
    if (Registry::ClaimCall* const call = registry_.take_claim(ticket_)) call->on_claim_failed(why);
    registry_.end(*this);
  }

  ClusterRegistry& registry_;
  const std::uint64_t ticket_;
  ClaimRequest request_;
  const bool any_name_;
  int tries_ = 0;
};

ClusterRegistry::ClusterRegistry(Runtime& runtime, NameTable& names, Remotes& remotes, const Dialers& dialers,
                                 Directory::Options options, Owner& owner)
    : Registry(runtime),
      names_(names),
      remotes_(remotes),
      owner_(owner),
      directory_(runtime, dialers.commands, dialers.events, std::move(options), *this) {}

ClusterRegistry::~ClusterRegistry() = default;

// ---- Who has a name -------------------------------------------------------------------

std::optional<NameTable::Found> ClusterRegistry::find_at_once(std::string_view name) {
  NameTable::Found here = names_.find(name);
  if (here.state == NameTable::State::here) return here;
  const auto known = learned_.find(name);
  if (known == learned_.end()) return {};
  const bool fresh = runtime_.now() < known->second.until;
  // Also while a registry that was emptied gets its names again.
  const bool away = !directory_.is_up() || directory_.is_warming();
  const bool serves_on = away && known->second.state == NameTable::State::here;
  if (!fresh && !serves_on) return {};
  return found_in(known->second);
}

NameTable::Found ClusterRegistry::found_in(Learned& learned) {
  NameTable::Found found{learned.state, nullptr, learned.policy};
  if (!learned.tunnels.empty()) found.tunnel = learned.tunnels[learned.turn++ % learned.tunnels.size()];
  return found;
}

void ClusterRegistry::on_lookup(Lookup& lookup) {
  watch_deadlines();
  ask(lookup.name());
}

void ClusterRegistry::ask(std::string_view name) {
  if (questions_.size() >= rules::registry_lookups) return;
  const auto [at, is_new] = questions_.try_emplace(std::string(name));
  if (!is_new) return;
  at->second = std::make_unique<Question>(*this, at->first);
  at->second->ask();
}

void ClusterRegistry::end(Question& question) {
  const auto found = questions_.find(question.name());
  runtime_.graveyard.bury(std::move(found->second));
  questions_.erase(found);
  ask_next();
}

void ClusterRegistry::ask_next() {
  const Lookup* const next =
      lookups_.find_if([&](const Lookup& each) { return !questions_.contains(std::string(each.name())); });
  if (next != nullptr) ask(next->name());
}

void ClusterRegistry::learn(const std::string& name, const NameView& view) {
  forget_old();
  Learned& learned = learned_[name];
  Learned former = std::exchange(learned, {});
  learned.until = runtime_.now() + rules::learned_kept;
  learned.state = view.is_banned ? NameTable::State::unknown : NameTable::State::away;
  if (!view.policy.empty()) {
    Result<VisitorPolicy> policy = VisitorPolicy::read_bytes(view.policy);
    // Rules that cannot be read let nobody in.
    if (!policy) return runtime_.log.warn("policy-unreadable", {{"name", name}, {"reason", policy.error().detail}});
    const bool same = former.policy != nullptr && former.policy->rules_bytes() == view.policy;
    learned.policy = same ? former.policy : std::make_shared<const VisitorPolicy>(*std::move(policy));
  }
  for (const NameView::Member& member : view.members) {
    if (!member.is_alive || member.is_here || member.peer_address.empty()) continue;
    RemotePlace place{name, member.replica, member.peer_address, view.policy_version};
    if (std::find(learned.places.begin(), learned.places.end(), place) != learned.places.end()) continue;
    const auto before = std::find(former.places.begin(), former.places.end(), place);
    learned.tunnels.push_back(before == former.places.end()
                                  ? remotes_.tunnel_to(place, *this)
                                  : former.tunnels[static_cast<std::size_t>(before - former.places.begin())]);
    learned.places.push_back(std::move(place));
  }
  if (learned.tunnels.empty() || view.is_banned) {
    // No event tells that a replica is back which was only silent.
    learned.until = runtime_.now() + rules::unknown_kept;
  } else {
    learned.state = NameTable::State::here;
  }
}

void ClusterRegistry::learn_unknown(const std::string& name) {
  forget_old();
  learned_[name] = {};
  learned_[name].until = runtime_.now() + rules::unknown_kept;
}

void ClusterRegistry::forget_old() {
  if (learned_.size() < forget_at_) return;
  std::erase_if(learned_, [&](const auto& each) { return each.second.until <= runtime_.now(); });
  forget_at_ = std::max(rules::learned_least, 2 * learned_.size());
}

void ClusterRegistry::unlearn(std::string_view name) {
  if (const auto found = learned_.find(name); found != learned_.end()) learned_.erase(found);
}

void ClusterRegistry::answer(std::string_view name) {
  IntrusiveList<Lookup> due;
  take_lookups(name, due);
  while (Lookup* lookup = due.pop_front()) {
    NameTable::Found found = names_.find(name);
    const auto known = learned_.find(name);
    if (found.state != NameTable::State::here && known != learned_.end()) found = found_in(known->second);
    lookup->on_found(std::move(found));
  }
}

void ClusterRegistry::answer_away(std::string_view name) {
  IntrusiveList<Lookup> due;
  take_lookups(name, due);
  while (Lookup* lookup = due.pop_front()) {
    const auto known = learned_.find(name);
    if (known != learned_.end() && known->second.state == NameTable::State::here) {
      lookup->on_found(found_in(known->second));
    } else {
      lookup->on_registry_away();
    }
  }
}

// ---- Claims, and what becomes of them -------------------------------------------------

// The directory answers each within the same time: no deadline is watched here.
void ClusterRegistry::on_claim(ClaimCall& call) {
  auto work = std::make_unique<ClaimWork>(*this, ticket_of(call), call.request());
  ClaimWork& started = *work;
  works_[&started] = std::move(work);
  started.start();
}

void ClusterRegistry::end(ClaimWork& work) {
  const auto found = works_.find(&work);
  runtime_.graveyard.bury(std::move(found->second));
  works_.erase(found);
}

void ClusterRegistry::attach(const Claim& claim, std::shared_ptr<Tunnel> tunnel,
                             std::shared_ptr<const VisitorPolicy> policy) {
  const std::optional<NameTable::Holder> holder = names_.holder_of(claim);
  if (!holder) return;
  directory_.attach({claim.name, claim.generation, holder->who.owner, holder->who.instance, 0, holder->joins,
                     policy == nullptr ? std::string() : policy->rules_bytes(), holder->who.address});
  const bool same_rules = policy_version_here(claim.name) == policy_version(policy.get());
  names_.attach(claim, tunnel, policy);
  unlearn(claim.name);
  if (!same_rules) owner_.on_rules_changed(claim.name, policy.get());
}

void ClusterRegistry::hold(const Claim& claim) {
  directory_.hold(claim.name, claim.generation);
  names_.hold(claim);
}

void ClusterRegistry::release(const Claim& claim) {
  directory_.release(claim.name, claim.generation);
  names_.release(claim);
}

void ClusterRegistry::give_up(const Claim& claim) {
  directory_.give_up(claim.name, claim.generation);
  names_.give_up(claim);
}

// ---- What others do -------------------------------------------------------------------

void ClusterRegistry::on_name_event(const NameEvent& event) {
  unlearn(event.name);
  switch (event.kind) {
    case NameEvent::Kind::moved: return on_moved(event);
    case NameEvent::Kind::killed: return owner_.on_name_killed(event.name);
    case NameEvent::Kind::policy:
    case NameEvent::Kind::gone: return;
  }
}

// Those who wait at a tunnel here were checked against the rules as they are here; the remote one compares them.
void ClusterRegistry::on_moved(const NameEvent& event) {
  if (event.replica == directory_.self() || !is_here(event.name)) return;
  RemotePlace elsewhere;
  elsewhere.name = event.name;
  elsewhere.policy_version = policy_version_here(event.name);
  names_.replace(event.name, event.generation, event.instance, event.joins, remotes_.tunnel_to(elsewhere, *this));
}

void ClusterRegistry::on_events_lost() {
  for (auto& [name, learned] : learned_) learned.until = TimePoint{};
}

std::uint64_t ClusterRegistry::policy_version_here(const std::string& name) {
  return policy_version(names_.find(name).policy.get());
}

}  // namespace tenfold::broker
