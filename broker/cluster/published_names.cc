#include "broker/cluster/published_names.h"

#include <algorithm>
#include <limits>
#include <set>

namespace tenfold::broker {
namespace {

constexpr std::uint64_t any_generation = std::numeric_limits<std::uint64_t>::max();

}  // namespace

PublishedNames::PublishedNames(Runtime& runtime, NameWork::Ground& ground, const ClusterTimes& times,
                               std::uint32_t seed, Owner& owner)
    : runtime_(runtime), ground_(ground), times_(times), owner_(owner), random_(seed) {
  runtime_.timers.arm_in(sweep_, times_.kept / 16);
}

PublishedNames::~PublishedNames() = default;

// ---- Wishes --------------------------------------------------------------------------

void PublishedNames::attach(Standing standing) {
  supersede(standing.name, standing.generation, standing.joins ? &standing.instance : nullptr);
  Seat& seat = seat_of({standing.name, standing.generation});
  seat.standing = std::move(standing);
  set_wish(seat, Wish::attach);
}

void PublishedNames::leave(const std::string& name, std::uint64_t generation, Wish wish) {
  const bool known = seats_.contains({name, generation});
  if (!known && seats_.size() - standing_ >= rules::registry_wishes) {
    return ground_.note_fault("too many names wait for the registry");
  }
  set_wish(seat_of({name, generation}), wish);
}

PublishedNames::Seat& PublishedNames::seat_of(Key key) {
  const auto found = seats_.find(key);
  if (found != seats_.end()) return *found->second;
  auto seat = std::make_unique<Seat>(*this, key);
  seat->wish = Wish::give_up;
  return *seats_.emplace(std::move(key), std::move(seat)).first->second;
}

void PublishedNames::set_wish(Seat& seat, Wish wish) {
  standing_ += static_cast<std::size_t>(wish == Wish::attach);
  standing_ -= static_cast<std::size_t>(seat.wish == Wish::attach);
  seat.wish = wish;
  enqueue(seat);
}

void PublishedNames::enqueue(Seat& seat) {
  if (seat.busy()) {
    seat.changed = true;
  } else if (!seat.queued) {
    seat.queued = true;
    queue_.push_back(seat.key());
    drop_stale();
  }
  if (!retry_.armed()) runtime_.timers.arm(retry_, runtime_.now());
}

// Names that come and go while the registry is away leave keys of seats that are no more.
void PublishedNames::drop_stale() {
  if (queue_.size() <= 2 * seats_.size() + rules::registry_changes) return;
  std::set<Key> seen;
  std::erase_if(queue_, [&](const Key& key) {
    const auto seat = seats_.find(key);
    return seat == seats_.end() || !seat->second->queued || !seen.insert(key).second;
  });
}

// The tunnel of this generation takes the place of those before it; `instance`: only of those of the same one.
void PublishedNames::supersede(const std::string& name, std::uint64_t generation, const std::string* instance) {
  for (auto at = seats_.lower_bound({name, 0}); at != seats_.end() && at->first.first == name;) {
    Seat& seat = *at->second;
    const bool other = instance != nullptr && (instance->empty() || seat.standing.instance != *instance);
    if (at->first.second >= generation || other) {
      ++at;
    } else if (seat.busy()) {
      set_wish(seat, Wish::hold);
      ++at;
    } else {
      at = erase(at);
    }
  }
}

PublishedNames::Seats::iterator PublishedNames::erase(Seats::iterator seat) {
  standing_ -= static_cast<std::size_t>(seat->second->wish == Wish::attach);
  runtime_.graveyard.bury(std::move(seat->second));
  return seats_.erase(seat);
}

void PublishedNames::on_event(const cluster::Event& event) {
  if (event.kind() == cluster::Event::KILLED) supersede(event.name(), any_generation, nullptr);
  if (event.kind() == cluster::Event::MOVED) {
    supersede(event.name(), event.generation(), event.joins() ? &event.instance() : nullptr);
  }
}

// ---- The registry --------------------------------------------------------------------

void PublishedNames::publish_all() {
  for (const auto& [key, seat] : seats_) enqueue(*seat);
}

void PublishedNames::resume() { runtime_.timers.arm(retry_, runtime_.now()); }

void PublishedNames::pump() {
  while (busy_ < rules::registry_changes && !queue_.empty()) {
    const auto found = seats_.find(queue_.front());
    queue_.pop_front();
    if (found == seats_.end() || !found->second->queued) continue;
    found->second->queued = found->second->changed = false;
    ++busy_;
    found->second->start();
  }
}

NameEdit PublishedNames::Seat::edit(const NameRecord& record) {
  const NamePlace here = ground().place();
  switch (wish) {
    case Wish::attach: break;
    case Wish::hold: return hold_name(record, name(), key_.second, here);
    case Wish::release: return release_name(record, name(), key_.second, here);
    case Wish::give_up: return give_up_name(record, name(), key_.second, here);
  }
  NameEdit edit = attach_name(record, standing, here);
  if (edit.verdict == NameEdit::Verdict::unchanged && refreshes && !edit.bytes.empty()) {
    edit.verdict = NameEdit::Verdict::write;
  }
  return edit;
}

void PublishedNames::on_settled(Seat& seat, const NameEdit& edit) {
  --busy_;
  const bool lost = edit.verdict == NameEdit::Verdict::lost;
  seat.refreshes = false;
  seat.written_at = runtime_.now();
  if (lost) {
    erase(seats_.find(seat.key()));
  } else if (seat.changed) {
    enqueue(seat);
  } else if (seat.wish != Wish::attach) {
    erase(seats_.find(seat.key()));
  }
  if (!retry_.armed()) pump();
  if (lost) owner_.on_name_lost(edit.event);
}

void PublishedNames::on_unsettled(Seat& seat) {
  --busy_;
  enqueue(seat);
  // With jitter, so that replicas do not come back together.
  std::uniform_int_distribution<Duration::rep> delay(rules::registry_retry.count(),
                                                     (3 * rules::registry_retry).count());
  runtime_.timers.arm_in(retry_, Duration(delay(random_)));
}

void PublishedNames::on_sweep() {
  runtime_.timers.arm_in(sweep_, times_.kept / 16);
  for (const auto& [key, seat] : seats_) {
    if (seat->wish != Wish::attach || runtime_.now() - seat->written_at < times_.kept / 2) continue;
    seat->refreshes = true;
    enqueue(*seat);
  }
}

}  // namespace tenfold::broker
