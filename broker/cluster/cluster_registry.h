// ClusterRegistry: the registry of one replica among several. Tunnels that stand here are in its own table; who has
// which name, and where the others stand, it learns from the directory that all replicas share.
//
//   find()    here -> at once; learned and not too old -> at once; otherwise the directory is asked, once for all who
//             wait for that name
//   claim()   by the directory, then entered into the table with the generation that it gave. With a resume token also
//             while the directory is away: it is published later.
//
// Where a tunnel stands is good for a minute, that a name is unknown or its agent away for a second; an event of the
// directory ends either at once. While the directory is away what is known goes on to count.
//
// A tunnel of another replica is a Tunnel like any other (Remotes); nothing above knows of it.
//
// Owned by the broker; on the loop's thread. The name table, the dialers, the remotes and the owner outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/cluster/directory.h"
#include "broker/tunnels/registry.h"

namespace tenfold::broker {

// Where a tunnel of another replica stands.
struct RemotePlace {
  std::string name;
  ReplicaId replica;                 // empty: not known yet; the tunnel finds out when it is opened
  std::string address;               // HOST:PORT of the replica's door for peers
  std::uint64_t policy_version = 0;  // of the rules that its visitors are checked against

  bool operator==(const RemotePlace&) const = default;
};

// Makes the tunnels that lead to other replicas.
class Remotes {
 public:
  // `registry` outlives the tunnel.
  virtual std::shared_ptr<Tunnel> tunnel_to(const RemotePlace& place, Registry& registry) = 0;

 protected:
  ~Remotes() = default;
};

class ClusterRegistry final : public Registry, private Directory::Handler {
 public:
  struct Dialers {
    RedisDialer& commands;
    RedisDialer& events;
  };
  class Owner {
   public:
    // An operator has closed the name on some replica: what stands here of it is to end.
    virtual void on_name_killed(const std::string& name) = 0;
    // A tunnel stands here with other rules than the name had: visitors on other replicas were checked against those.
    // `policy`: null: everybody may come.
    virtual void on_rules_changed(const std::string& name, const VisitorPolicy* policy) = 0;

   protected:
    ~Owner() = default;
  };
  ClusterRegistry(Runtime& runtime, NameTable& names, Remotes& remotes, const Dialers& dialers,
                  Directory::Options options, Owner& owner);
  ~ClusterRegistry() override;

  // `peer_address`: HOST:PORT where the other replicas reach this one's tunnels.
  void start(std::string peer_address) {
    directory_.advertise(std::move(peer_address));
    directory_.start();
  }
  // The broker ends: this replica is off the air at once.
  void leave() { directory_.leave(); }

  void attach(const Claim& claim, std::shared_ptr<Tunnel> tunnel, std::shared_ptr<const VisitorPolicy> policy) override;
  void hold(const Claim& claim) override;
  void release(const Claim& claim) override;
  void give_up(const Claim& claim) override;
  std::size_t size() const override { return names_.size(); }
  void unlearn(std::string_view name) override;

  Directory& directory() { return directory_; }
  // Names of other replicas that are known now, and those that are known not to be.
  std::size_t learned() const { return learned_.size(); }

 private:
  // What the directory said of a name that is not here.
  struct Learned {
    NameTable::State state = NameTable::State::unknown;
    std::vector<RemotePlace> places;
    std::vector<std::shared_ptr<Tunnel>> tunnels;  // to each of the places
    std::shared_ptr<const VisitorPolicy> policy;
    std::size_t turn = 0;
    TimePoint until{};
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  class Question;
  class ClaimWork;

  std::optional<NameTable::Found> find_at_once(std::string_view name) override;
  void on_lookup(Lookup& lookup) override;
  void on_claim(ClaimCall& call) override;

  void on_name_event(const NameEvent& event) override;
  void on_moved(const NameEvent& event);
  void on_events_lost() override;
  void on_registry_away(const Error&) override {}  // the directory has said so
  void on_registry_back(Duration) override {}

  void ask(std::string_view name);
  void end(Question& question);
  // The next name that waits for a lookup and is not asked for yet.
  void ask_next();
  void learn(const std::string& name, const NameView& view);
  void learn_unknown(const std::string& name);
  void answer(std::string_view name);
  void answer_away(std::string_view name);
  static NameTable::Found found_in(Learned& learned);
  void forget_old();

  void end(ClaimWork& work);
  bool is_here(std::string_view name) const { return names_.generation_of(name) != 0; }
  std::uint64_t policy_version_here(const std::string& name);

  NameTable& names_;
  Remotes& remotes_;
  Owner& owner_;
  Directory directory_;
  std::unordered_map<std::string, Learned, TextHash, std::equal_to<>> learned_;
  std::size_t forget_at_ = rules::learned_least;  // the number of learned names at which old ones go
  std::unordered_map<std::string, std::unique_ptr<Question>> questions_;  // by name
  std::unordered_map<ClaimWork*, std::unique_ptr<ClaimWork>> works_;
};

}  // namespace tenfold::broker
