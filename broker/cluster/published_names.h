// PublishedNames: what this replica wants the registry to hold of its own names. A wish is kept until the registry has
// it: the latest of each tunnel, however long the registry is away. Names that stand are published again when the
// registry has lost them, and written again at half of their keys' lives.
//
//   names.attach(standing);
//   names.hold("myapp", 7);     // or release(), or give_up() of a claim
//   names.publish_all();        // the registry was emptied
//   names.resume();             // it is there again
//
// At most rules::registry_changes are under way at once. Owned by the directory; on the loop's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "base/runtime.h"
#include "broker/cluster/name_work.h"

namespace tenfold::broker {

class PublishedNames {
 public:
  class Owner {
   public:
    // A name that stood here is another's: `event` as if it had been read from the stream.
    virtual void on_name_lost(const cluster::Event& event) = 0;

   protected:
    ~Owner() = default;
  };

  PublishedNames(Runtime& runtime, NameWork::Ground& ground, const ClusterTimes& times, std::uint32_t seed,
                 Owner& owner);
  ~PublishedNames();

  void attach(Standing standing);
  void hold(const std::string& name, std::uint64_t generation) { leave(name, generation, Wish::hold); }
  void release(const std::string& name, std::uint64_t generation) { leave(name, generation, Wish::release); }
  void give_up(const std::string& name, std::uint64_t generation) { leave(name, generation, Wish::give_up); }

  void publish_all();
  void resume();
  // Names that stand here and went elsewhere are not published again.
  void on_event(const cluster::Event& event);

  // Names that stand, and wishes that the registry does not have yet.
  std::size_t standing() const { return standing_; }
  std::size_t unpublished() const { return queue_.size() + busy_; }

 private:
  enum class Wish : std::uint8_t { attach, hold, release, give_up };
  using Key = std::pair<std::string, std::uint64_t>;  // name and generation

  class Seat final : public NameWork {
   public:
    Seat(PublishedNames& names, const Key& key) : NameWork(names.ground_, key.first), names_(names), key_(key) {}
    void start() { begin(Begin::reading, rules::registry_time); }

    const Key& key() const { return key_; }
    Wish wish = Wish::attach;
    Standing standing{};
    bool queued = false;
    bool changed = false;    // while it was busy: once more
    bool refreshes = false;  // to be written though it is the same, for the key's life
    TimePoint written_at{};

   private:
    NameEdit edit(const NameRecord& record) override;
    void on_settled(const NameEdit& edit) override { names_.on_settled(*this, edit); }
    void on_unsettled(bool, bool) override { names_.on_unsettled(*this); }

    PublishedNames& names_;
    const Key key_;
  };
  using Seats = std::map<Key, std::unique_ptr<Seat>>;

  void leave(const std::string& name, std::uint64_t generation, Wish wish);
  Seat& seat_of(Key key);
  void set_wish(Seat& seat, Wish wish);
  void enqueue(Seat& seat);
  void drop_stale();
  void supersede(const std::string& name, std::uint64_t generation, const std::string* instance);
  Seats::iterator erase(Seats::iterator seat);
  void pump();
  void on_settled(Seat& seat, const NameEdit& edit);
  void on_unsettled(Seat& seat);
  void on_sweep();

  Runtime& runtime_;
  NameWork::Ground& ground_;
  const ClusterTimes times_;
  Owner& owner_;
  Seats seats_;
  std::deque<Key> queue_;     // of seats, to be started
  std::size_t busy_ = 0;      // seats that are under way
  std::size_t standing_ = 0;  // seats whose wish is attach
  std::minstd_rand random_;
  MemberTimer<PublishedNames, &PublishedNames::pump> retry_{*this};
  MemberTimer<PublishedNames, &PublishedNames::on_sweep> sweep_{*this};
};

}  // namespace tenfold::broker
