// Registry: who knows which names there are and where their tunnels stand. One broker knows by itself
// (memory_registry.h); several replicas ask what they share.
//
//   class Assignment : Registry::Lookup { … };
//   if (auto found = registry.find("myapp", lookup)) …   // known at once
//   else                                                 // on_found(), or on_registry_away(), later
//   registry.claim(request, call);         // on_claimed() or on_claim_failed(), later
//
//   registry.attach(claim, tunnel);        // the tunnel of the claim stands
//   registry.hold(claim);                  // its agent is gone: the name is kept for its owner for a while
//   registry.release(claim);               // or free at once
//   registry.give_up(claim);               // in place of attach(): what was before stands again
//
// No event comes from inside find() or claim(). What is known at once is find()'s own return: for a broker that stands
// alone each request would cost a turn otherwise, and a visitor who leaves in that turn would never have asked. The
// call is the caller's own object: it is the handle, and destroying it, or cancel(), withdraws the question. (A handle
// made by the registry would be an allocation for each request.) A call is good for the next question from inside its
// own answer on.
//
// Every question has its answer within rules::registry_time: that the registry is away, at the latest.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/intrusive_list.h"
#include "base/result.h"
#include "base/runtime.h"
#include "broker/rules.h"
#include "broker/tunnels/name_table.h"
#include "mux/handshake.h"

namespace tenfold::broker {

class Registry {
 public:
  class Lookup : private ListHook {
   public:
    virtual void on_found(NameTable::Found found) = 0;
    virtual void on_registry_away() = 0;
    void cancel() { unlist(); }
    bool pending() const { return listed(); }

    std::string_view name() const { return name_; }

   protected:
    virtual ~Lookup() = default;

   private:
    friend class Registry;
    template <typename T>
    friend class tenfold::IntrusiveList;
    std::string_view name_;
    TimePoint asked_{};
  };

  class ClaimCall : private ListHook {
   public:
    virtual void on_claimed(const Claim& claim) = 0;
    // The name is another owner's (name_taken), or nobody can say (registry_away).
    virtual void on_claim_failed(handshake::Refusal why) = 0;
    void cancel() { unlist(); }

    const ClaimRequest& request() const { return request_; }

   protected:
    virtual ~ClaimCall() = default;

   private:
    friend class Registry;
    template <typename T>
    friend class tenfold::IntrusiveList;
    ClaimRequest request_;
    std::uint64_t ticket_ = 0;
    TimePoint asked_{};
  };

  explicit Registry(Runtime& runtime) : runtime_(runtime) {}
  virtual ~Registry() = default;

  // The view outlives the lookup.
  std::optional<NameTable::Found> find(std::string_view name, Lookup& lookup) {
    if (std::optional<NameTable::Found> found = find_at_once(name)) return found;
    lookup.name_ = name;
    lookup.asked_ = runtime_.now();
    lookups_.push_back(lookup);
    on_lookup(lookup);
    return {};
  }
  void claim(ClaimRequest request, ClaimCall& call) {
    call.request_ = std::move(request);
    call.asked_ = runtime_.now();
    call.ticket_ = ++last_ticket_;
    claims_.push_back(call);
    on_claim(call);
  }

  // `policy`: null: everybody may come.
  virtual void attach(const Claim& claim, std::shared_ptr<Tunnel> tunnel,
                      std::shared_ptr<const VisitorPolicy> policy) = 0;
  virtual void hold(const Claim& claim) = 0;
  virtual void release(const Claim& claim) = 0;
  virtual void give_up(const Claim& claim) = 0;

  // Tunnels that stand on this broker.
  virtual std::size_t size() const = 0;

  // What was learned of the name from elsewhere is not so, or no more: the next find() asks.
  virtual void unlearn(std::string_view /*name*/) {}

 protected:
  virtual std::optional<NameTable::Found> find_at_once(std::string_view name) = 0;
  // It is new in its list; not to be answered from inside.
  virtual void on_lookup(Lookup& lookup) = 0;
  virtual void on_claim(ClaimCall& call) = 0;

  // What tells a claim from others, also from a later one of the same call.
  static std::uint64_t ticket_of(const ClaimCall& call) { return call.ticket_; }
  // Takes the claim out of its list; null: it was withdrawn.
  ClaimCall* take_claim(std::uint64_t ticket);
  // Takes out all lookups of that name, into `due`.
  void take_lookups(std::string_view name, IntrusiveList<Lookup>& due);

  // For a registry that may take longer than this turn: whoever has waited too long hears that it is away.
  void watch_deadlines();

  Runtime& runtime_;
  IntrusiveList<Lookup> lookups_;  // unanswered, oldest first
  IntrusiveList<ClaimCall> claims_;

 private:
  void on_deadline();

  std::uint64_t last_ticket_ = 0;

  MemberTimer<Registry, &Registry::on_deadline> deadline_{*this};
};

}  // namespace tenfold::broker
