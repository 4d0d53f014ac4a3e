#include "broker/cluster/directory.h"

#include <chrono>
#include <utility>

#include "base/base64.h"
#include "broker/admission/secret.h"
#include "broker/cluster/registry_keys.h"
#include "broker/rules.h"

namespace tenfold::broker {
namespace {

constexpr std::uint32_t version = 1;
constexpr int most_refreshes = 2;       // as in name_work.cc
constexpr Duration clock_grain = 20ms;  // the registry reads its clock now and then, and counts whole milliseconds

std::int64_t milliseconds(Duration duration) { return std::chrono::ceil<std::chrono::milliseconds>(duration).count(); }

}  // namespace

// ---- Claims and bans -------------------------------------------------------------------

class Directory::ClaimWork final : public NameWork {
 public:
  ClaimWork(Directory& directory, NameRequest request, ClaimCall& call)
      : NameWork(directory, request.name), call_(&call), directory_(directory), request_(std::move(request)) {}
  void start() { begin(Begin::as_new, rules::registry_time); }

  ClaimCall* call_;  // null: withdrawn

 private:
  NameEdit edit(const NameRecord& record) override {
    NameEdit edit = claim_name(record, request_, ground().place());
    generation_ = edit.generation;
    return edit;
  }
  void on_settled(const NameEdit& edit) override {
    ClaimCall* call = finish();
    if (edit.verdict == NameEdit::Verdict::write) {
      if (call == nullptr) return directory_.give_up(name(), generation_);
      return call->on_claimed(generation_);
    }
    if (call == nullptr) return;
    call->on_claim_refused(edit.verdict == NameEdit::Verdict::banned ? ClaimRefusal::banned : ClaimRefusal::taken);
  }
  void on_unsettled(bool is_calm, bool maybe_made) override {
    ClaimCall* call = finish();
    if (maybe_made) directory_.give_up(name(), generation_);
    if (call == nullptr) return;
    if (!is_calm) return call->on_claim_refused(ClaimRefusal::warming);
    call->on_claim_away();
  }
  // The directory buries the work; the call is good for the next claim.
  ClaimCall* finish() {
    ClaimCall* call = std::exchange(call_, nullptr);
    if (call != nullptr) call->work_ = nullptr;
    directory_.end(*this);
    return call;
  }

  Directory& directory_;
  const NameRequest request_;
  std::uint64_t generation_ = 0;  // of the last edit
};

class Directory::BanWork final : public NameWork {
 public:
  BanWork(Directory& directory, std::string name, Duration time, BanCall& call)
      : NameWork(directory, std::move(name)), call_(&call), directory_(directory), time_(time) {}
  void start() { begin(Begin::reading, rules::registry_time); }

  BanCall* call_;  // null: withdrawn

 private:
  NameEdit edit(const NameRecord& record) override { return ban_name(record, name(), time_); }
  void on_settled(const NameEdit&) override {
    if (BanCall* call = finish()) call->on_banned();
  }
  void on_unsettled(bool, bool) override {
    if (BanCall* call = finish()) call->on_ban_away();
  }
  BanCall* finish() {
    BanCall* call = std::exchange(call_, nullptr);
    if (call != nullptr) call->work_ = nullptr;
    directory_.end(*this);
    return call;
  }

  Directory& directory_;
  const Duration time_;
};

void Directory::ClaimCall::cancel() {
  if (work_ != nullptr) std::exchange(work_, nullptr)->call_ = nullptr;
}

void Directory::BanCall::cancel() {
  if (work_ != nullptr) std::exchange(work_, nullptr)->call_ = nullptr;
}

void Directory::claim(NameRequest request, ClaimCall& call) {
  call.cancel();
  auto work = std::make_unique<ClaimWork>(*this, std::move(request), call);
  ClaimWork& started = *work;
  call.work_ = work.get();
  claims_.emplace(work.get(), std::move(work));
  started.start();
}

void Directory::ban(std::string name, Duration time, BanCall& call) {
  call.cancel();
  auto work = std::make_unique<BanWork>(*this, std::move(name), time, call);
  BanWork& started = *work;
  call.work_ = work.get();
  bans_.emplace(work.get(), std::move(work));
  started.start();
}

void Directory::end(ClaimWork& work) {
  const auto found = claims_.find(&work);
  runtime_.graveyard.bury(std::move(found->second));
  claims_.erase(found);
}

void Directory::end(BanWork& work) {
  const auto found = bans_.find(&work);
  runtime_.graveyard.bury(std::move(found->second));
  bans_.erase(found);
}

// ---- The directory ---------------------------------------------------------------------

Directory::Directory(Runtime& runtime, RedisDialer& commands, RedisDialer& events, Options options, Handler& handler)
    : runtime_(runtime),
      options_(std::move(options)),
      handler_(handler),
      client_(runtime, commands, options_.redis, *this),
      replicas_(options_.times),
      names_(runtime, *this, options_.times, options_.redis.seed + 1, *this),
      events_(runtime, events, options_.redis, *this),
      random_(options_.redis.seed + 2) {}

Directory::~Directory() {
  for (const auto& [work, owned] : claims_) {
    if (work->call_ != nullptr) work->call_->cancel();
  }
  for (const auto& [work, owned] : bans_) {
    if (work->call_ != nullptr) work->call_->cancel();
  }
}

void Directory::start() {
  client_.start();
  events_.start();
}

void Directory::on_redis_connected() {
  renew();
  names_.resume();
}

void Directory::on_redis_away(const Error& why) {
  runtime_.log.warn("registry-away", {{"reason", describe(why)}});
  handler_.on_registry_away(why);
}

void Directory::on_redis_back(Duration away_for) {
  runtime_.log.info("registry-back", {{"after_ms", milliseconds(away_for)}});
  handler_.on_registry_back(away_for);
}

void Directory::note_fault(std::string_view what) {
  ++faults_;
  if (runtime_.now() < next_fault_line_) return;
  next_fault_line_ = runtime_.now() + rules::registry_fault_line;
  runtime_.log.warn("registry-fault", {{"what", what}, {"count", faults_ - std::exchange(faults_told_, faults_)}});
}

// ---- Leases ----------------------------------------------------------------------------

std::string Directory::own_key() const { return std::string(registry_keys::replica_prefix) + to_string(options_.self); }

// Replicas that began together do not go on together.
void Directory::renew() {
  const Duration::rep most = options_.times.renew.count();
  std::uniform_int_distribution<Duration::rep> next(most - most / 5, most);
  runtime_.timers.arm_in(renew_, Duration(next(random_)));
  refresh();
}

// A renewal under way was sent after all that was answered until now.
void Directory::refresh() {
  if (renewal_.pending() || left_) return;
  cluster::Replica self;
  self.set_version(version);
  self.set_id(options_.self.id);
  self.set_epoch(options_.self.epoch);
  self.set_peer_address(options_.peer_address);
  const ClusterTimes& times = options_.times;
  client_.run(
      renewal_, registry_keys::renew,
      {own_key(), std::string(registry_keys::replicas), std::string(registry_keys::epoch),
       std::string(registry_keys::warming)},
      {to_string(options_.self), self.SerializeAsString(), std::to_string(milliseconds(times.lease + times.held)),
       std::string(registry_keys::replica_prefix), encode_base64url(random_bytes(12)),
       std::to_string(milliseconds(times.lease)), std::to_string(milliseconds(times.held))});
}

void Directory::on_renewed(const RedisReply& reply) {
  const std::vector<RedisReply>& items = reply.items;
  if (!reply.is_list() || items.size() < 3 || items.size() % 3 != 0 || !items[0].is_text() || !items[1].is_number() ||
      !items[2].is_number()) {
    return note_fault(reply.kind == RedisReply::Kind::error ? reply.text : "a reply to a renewal");
  }
  const TimePoint now = runtime_.now();
  replicas_.begin_update(now);
  for (std::size_t i = 3; i < items.size(); i += 3) {
    if (!take_replica(items[i], items[i + 1], items[i + 2])) note_fault("a replica is garbage or of another version");
  }
  const std::string& epoch = items[0].text;
  const bool own_was_lost = items[1].number == 2;
  const bool was_emptied = !epoch_.empty() && epoch != epoch_;
  if (items[1].number == 0 || epoch.empty()) note_fault("the registry has no memory for a lease");
  const Duration warming = std::chrono::milliseconds(items[2].number);
  warming_until_ = warming >= Duration{} ? now + std::min(warming, options_.times.lease) + clock_grain : TimePoint{};
  epoch_ = epoch;
  if (was_emptied || (own_was_lost && renewed_)) {
    runtime_.log.warn("registry-lost-names", {{"standing", names_.standing()}});
    names_.publish_all();
    events_.check_again();
  }
  renewed_ = renewed_ || items[1].number != 0;
}

bool Directory::take_replica(const RedisReply& id, const RedisReply& value, const RedisReply& left) {
  cluster::Replica replica;
  if (!value.is_text() || !left.is_number() || !replica.ParseFromString(value.text)) return false;
  const ReplicaId known{replica.id(), replica.epoch()};
  if (replica.version() != version || id.text != to_string(known)) return false;
  replicas_.update({known, replica.peer_address()}, std::chrono::milliseconds(left.number));
  return true;
}

void Directory::leave() {
  left_ = true;
  runtime_.timers.disarm(renew_);
  client_.send(renewal_, {"PEXPIRE", own_key(), std::to_string(milliseconds(options_.times.held))});
}

// ---- Lookups ---------------------------------------------------------------------------

void Directory::lookup(std::string name, Lookup& lookup) {
  lookup.directory_ = this;
  lookup.name_ = std::move(name);
  lookup.deadline_ = runtime_.now() + rules::registry_time;
  lookup.refreshes_ = 0;
  ask(lookup);
}

// With the registry's epoch, so that a name that it has lost is told from one that nobody has.
void Directory::ask(Lookup& lookup) {
  client_.send(lookup,
               {"MGET", std::string(registry_keys::name_prefix) + lookup.name_, std::string(registry_keys::epoch),
                std::string(registry_keys::warming)},
               lookup.deadline_ - runtime_.now());
}

void Directory::on_lookup_reply(Lookup& lookup, const RedisReply& reply) {
  if (!reply.is_list() || reply.items.size() != 3) {
    note_fault(reply.kind == RedisReply::Kind::error ? reply.text : "a reply to MGET");
    return lookup.on_lookup_away();
  }
  const NameRecord record = NameRecord::read(reply.items[0].text);
  const bool is_calm = reply.items[1].is_text() && !reply.items[2].is_text();
  if (reply.items[1].text != epoch_) refresh();
  if (record.kind == NameRecord::Kind::absent) return is_calm ? lookup.on_unknown() : lookup.on_lookup_away();
  if (record.kind != NameRecord::Kind::known) {
    note_fault("a name's value is garbage or of a newer version");
    return lookup.on_unknown();
  }
  const std::vector<ReplicaId> unknown = unknown_replicas(record, place());
  if (!unknown.empty() && lookup.refreshes_++ < most_refreshes) {
    refresh();
    return ask(lookup);
  }
  for (const ReplicaId& replica : unknown) replicas_.note_gone(replica);
  const NameView view = view_of(record);
  const bool had = !view.members.empty() || record.value.held() || record.value.claims_size() != 0 || view.is_banned;
  return had ? lookup.on_found(view) : lookup.on_unknown();
}

NameView Directory::view_of(const NameRecord& record) {
  const cluster::Name& value = record.value;
  NameView view{value.owner(), {}, value.generation(), value.policy(), value.policy_version(), value.banned()};
  for (const cluster::Member& from : value.members()) {
    NameView::Member member{{from.replica(), from.epoch()},
                            false,
                            true,
                            options_.peer_address,
                            from.link_id(),
                            from.instance(),
                            from.generation(),
                            from.joins()};
    member.is_here = member.replica == options_.self;
    if (!member.is_here) {
      const ReplicaView::State state = replicas_.state_of(member.replica, runtime_.now());
      if (state == ReplicaView::State::gone || state == ReplicaView::State::unknown) continue;
      member.is_alive = state == ReplicaView::State::alive;
      const ReplicaView::Replica* replica = replicas_.find(member.replica);
      member.peer_address = replica == nullptr ? "" : replica->peer_address;
    }
    view.members.push_back(std::move(member));
  }
  return view;
}

// ---- Events ----------------------------------------------------------------------------

void Directory::on_event(const cluster::Event& event) {
  names_.on_event(event);
  tell(event);
}

void Directory::on_events_lost() {
  names_.publish_all();
  handler_.on_events_lost();
}

void Directory::tell(const cluster::Event& event) {
  NameEvent told{NameEvent::Kind::moved, event.name(),     {event.replica(), event.epoch()},
                 event.generation(),     event.instance(), event.joins()};
  switch (event.kind()) {
    case cluster::Event::MOVED: break;
    case cluster::Event::KILLED: told.kind = NameEvent::Kind::killed; break;
    case cluster::Event::POLICY: told.kind = NameEvent::Kind::policy; break;
    case cluster::Event::GONE: told.kind = NameEvent::Kind::gone; break;
    default: return note_fault("an event of a kind that is not known");
  }
  handler_.on_name_event(told);
}

}  // namespace tenfold::broker
