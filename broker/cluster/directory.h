// Directory: the names that replicas share, by a registry that each of them talks to: who has a name and where its
// tunnels stand, claims, leases, and events when any of it changes.
//
//   Directory directory(runtime, commands, events, options, handler);
//   directory.start();
//   directory.lookup("myapp", lookup);      // on_found(), on_unknown() or on_lookup_away(), later
//   directory.claim(request, call);         // on_claimed(), on_claim_refused() or on_claim_away(), later
//
//   directory.attach(standing);             // the tunnel of the claim stands; also of a claim that the registry never
//                                           // heard of, since it was away
//   directory.hold("myapp", generation);    // its agent is gone: the name is kept for its owner for a while
//   directory.release("myapp", generation); // or free at once
//   directory.give_up("myapp", generation); // in place of attach(): what was before stands again
//
// No event comes from inside a call. What is asked is the caller's own object: destroying it, or cancel(), withdraws
// the question; a claim that is made all the same is given up. Every question has its answer within
// rules::registry_time. The wishes of the second group are kept and tried again until the registry has them.
//
// Leases: replica_view.h; what a name's value says: proto/cluster.proto; who may have one: name_record.h.
//
// A registry that was emptied is known by its missing epoch key. Then each replica publishes its names again, and for
// one lease new names without a resume token are refused, so that owners' names are there first.
//
// Owned by the broker; on the loop's thread. Dialers and handler outlive it; not to be destroyed from inside an event.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/runtime.h"
#include "broker/cluster/event_reader.h"
#include "broker/cluster/name_record.h"
#include "broker/cluster/name_work.h"
#include "broker/cluster/published_names.h"
#include "broker/cluster/redis_client.h"
#include "broker/cluster/replica_view.h"

namespace tenfold::broker {

// Something about a name has changed; what is known of it elsewhere is to be forgotten.
struct NameEvent {
  enum class Kind : std::uint8_t {
    moved,   // a tunnel stands: in place of those of lower generations, or beside them (joins)
    killed,  // all its tunnels end
    policy,
    gone  // a tunnel has ended
  };
  Kind kind = Kind::moved;
  std::string name{};
  ReplicaId replica{};  // where the tunnel stands; empty for `killed`
  std::uint64_t generation = 0;
  std::string instance{};
  bool joins = false;  // only the member of the same instance was replaced
};

// A name as it stands in the registry.
struct NameView {
  struct Member {
    ReplicaId replica{};
    bool is_here = false;  // it is this replica's
    bool is_alive = false;
    std::string peer_address{};  // of its replica; empty: not known
    std::uint64_t link_id = 0;
    std::string instance{};
    std::uint64_t generation = 0;
    bool joins = false;
  };
  std::string owner{};
  std::vector<Member> members{};  // none alive: the name is kept for its owner
  std::uint64_t generation = 0;   // the highest
  std::string policy{};           // control.VisitorPolicy's bytes; empty: everybody may come
  std::uint64_t policy_version = 0;
  bool is_banned = false;
};

enum class ClaimRefusal : std::uint8_t {
  taken,
  banned,
  warming  // the registry has lost its names just now: in a lease's time again
};

class Directory final : private NameWork::Ground,
                        private RedisClient::Handler,
                        private EventReader::Handler,
                        private PublishedNames::Owner {
 private:
  class ClaimWork;
  class BanWork;

 public:
  struct Options {
    ReplicaId self{};            // the id has no control character; the epoch is random
    std::string peer_address{};  // HOST:PORT; empty: no peer reaches this replica
    RedisClient::Options redis{};
    ClusterTimes times{};
  };

  class Handler {
   public:
    // Own changes come, too, in the order of the stream. Also when the registry says no to attach().
    virtual void on_name_event(const NameEvent& event) = 0;
    // Any event may have been missed: all that is known of names elsewhere is to be forgotten.
    virtual void on_events_lost() = 0;
    virtual void on_registry_away(const Error& why) = 0;
    virtual void on_registry_back(Duration away_for) = 0;

   protected:
    ~Handler() = default;
  };

  class Lookup : private RedisCall {
   public:
    virtual void on_found(const NameView& name) = 0;
    // Nobody has it.
    virtual void on_unknown() = 0;
    // The registry has not answered in time, or has lost its names just now.
    virtual void on_lookup_away() = 0;
    using RedisCall::cancel;
    using RedisCall::pending;

   private:
    friend class Directory;
    void on_reply(const RedisReply& reply) final { directory_->on_lookup_reply(*this, reply); }
    void on_away() final { on_lookup_away(); }

    Directory* directory_ = nullptr;
    std::string name_;
    TimePoint deadline_{};
    int refreshes_ = 0;
  };

  class ClaimCall {
   public:
    virtual void on_claimed(std::uint64_t generation) = 0;
    virtual void on_claim_refused(ClaimRefusal why) = 0;
    virtual void on_claim_away() = 0;
    void cancel();
    bool pending() const { return work_ != nullptr; }

   protected:
    ClaimCall() = default;
    virtual ~ClaimCall() { cancel(); }
    ClaimCall(const ClaimCall&) = delete;
    ClaimCall& operator=(const ClaimCall&) = delete;

   private:
    friend class Directory;
    ClaimWork* work_ = nullptr;
  };

  class BanCall {
   public:
    virtual void on_banned() = 0;
    virtual void on_ban_away() = 0;
    void cancel();
    bool pending() const { return work_ != nullptr; }

   protected:
    BanCall() = default;
    virtual ~BanCall() { cancel(); }
    BanCall(const BanCall&) = delete;
    BanCall& operator=(const BanCall&) = delete;

   private:
    friend class Directory;
    BanWork* work_ = nullptr;
  };

  Directory(Runtime& runtime, RedisDialer& commands, RedisDialer& events, Options options, Handler& handler);
  ~Directory();

  // Where peers reach this replica, if that is known only now. Before start().
  void advertise(std::string peer_address) { options_.peer_address = std::move(peer_address); }
  void start();

  void lookup(std::string name, Lookup& lookup);
  // `request.name` is not empty.
  void claim(NameRequest request, ClaimCall& call);
  // All tunnels of the name end, and nobody gets it for `time`; 0: it is free at once.
  void ban(std::string name, Duration time, BanCall& call);

  void attach(Standing standing) { names_.attach(std::move(standing)); }
  void hold(const std::string& name, std::uint64_t generation) { names_.hold(name, generation); }
  void release(const std::string& name, std::uint64_t generation) { names_.release(name, generation); }
  void give_up(const std::string& name, std::uint64_t generation) { names_.give_up(name, generation); }

  // The last call before the end: this replica is off the air at once, and its names are kept for their owners.
  void leave();

  const ReplicaId& self() const { return options_.self; }
  bool is_up() const { return client_.is_up(); }
  // New names without a resume token are refused.
  bool is_warming() const { return epoch_.empty() || runtime_.now() < warming_until_; }
  std::vector<ReplicaView::Replica> replicas() const { return replicas_.living(runtime_.now()); }
  // Of the last answer.
  Duration latency() const { return client_.latency(); }
  // Values and replies that could not be used.
  std::uint64_t faults() const { return faults_; }
  // Own names that the registry does not have yet.
  std::size_t unpublished() const { return names_.unpublished(); }

 private:
  class Renewal final : public RedisCall {
   public:
    explicit Renewal(Directory& directory) : directory_(directory) {}
    void on_reply(const RedisReply& reply) override { directory_.on_renewed(reply); }
    void on_away() override {}

   private:
    Directory& directory_;
  };

  // What the works stand on.
  RedisClient& client() override { return client_; }
  NamePlace place() override { return {options_.self, replicas_, options_.times, runtime_.now()}; }
  void refresh() override;
  void note_gone(const ReplicaId& replica) override { replicas_.note_gone(replica); }
  void note_fault(std::string_view what) override;

  void on_redis_connected() override;
  void on_redis_away(const Error& why) override;
  void on_redis_back(Duration away_for) override;
  void on_event(const cluster::Event& event) override;
  void on_events_lost() override;
  void on_name_lost(const cluster::Event& event) override { tell(event); }

  void renew();
  void on_renewed(const RedisReply& reply);
  bool take_replica(const RedisReply& id, const RedisReply& value, const RedisReply& left);
  void on_lookup_reply(Lookup& lookup, const RedisReply& reply);
  void ask(Lookup& lookup);
  NameView view_of(const NameRecord& record);
  void tell(const cluster::Event& event);
  void end(ClaimWork& work);
  void end(BanWork& work);
  std::string own_key() const;

  Runtime& runtime_;
  Options options_;
  Directory::Handler& handler_;
  RedisClient client_;
  ReplicaView replicas_;
  PublishedNames names_;
  EventReader events_;
  std::unordered_map<ClaimWork*, std::unique_ptr<ClaimWork>> claims_;
  std::unordered_map<BanWork*, std::unique_ptr<BanWork>> bans_;

  Renewal renewal_{*this};
  MemberTimer<Directory, &Directory::renew> renew_{*this};
  std::minstd_rand random_;
  std::string epoch_;  // of the registry; empty: it has not said it yet
  TimePoint warming_until_{};
  bool renewed_ = false;  // the own key was set before
  bool left_ = false;
  std::uint64_t faults_ = 0;
  std::uint64_t faults_told_ = 0;
  TimePoint next_fault_line_{};
};

}  // namespace tenfold::broker
