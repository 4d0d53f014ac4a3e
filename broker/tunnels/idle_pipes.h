// IdlePipes: pipes to the local app that stand between two requests, the last used on top.
// Any byte on one of them ("408" from an app that tired of waiting, say), its end or its
// death discards it. Of a classic tunnel these are the pool's free sockets; those of a link's tunnels share an Order,
// which knows the least recently used of all of them.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/runtime.h"
#include "duplex.h"

namespace tenfold::broker {

class IdlePipes {
 private:
  struct Seat;

 public:
  // The pipes of several IdlePipes in the order of their last use. Outlives these; owns nothing.
  class Order {
   public:
    std::size_t size() const { return size_; }
    // Closes the least recently used one, whose owner hears of it. False: there is none.
    bool discard_oldest();

   private:
    friend class IdlePipes;
    void add(Seat& seat);
    void remove(Seat& seat);

    Seat* oldest_ = nullptr;
    Seat* newest_ = nullptr;
    std::size_t size_ = 0;
  };

  class Owner {
   public:
    // A pipe was discarded.
    virtual void on_idle_pipe_gone() = 0;

   protected:
    ~Owner() = default;
  };

  // `most`: beyond it the oldest is discarded. `keep`: how long one may idle; Duration::max(): for good.
  IdlePipes(Runtime& runtime, Owner& owner, std::size_t most, Duration keep);
  // No limit of its own: the holder of `order` sets one.
  IdlePipes(Runtime& runtime, Owner& owner, Order& order, Duration keep);
  ~IdlePipes();

  // `keep`: how long the app keeps this one.
  void put(std::unique_ptr<Duplex> pipe, bool used, Duration keep = Duration::max());

  struct Taken {
    std::unique_ptr<Duplex> pipe;  // null: none fits
    bool used = false;             // has served a request
  };
  enum class Wanted { any, fresh };
  // `any`: the last used one, behind which the app's connection stands, or else one that never served, as for `fresh`.
  Taken take(Wanted wanted);

  std::size_t size() const { return count_; }
  // Closes all; the owner is not told.
  void clear();
  // Closes all, and tells the owner of each.
  void discard_all();

 private:
  struct Seat final : Duplex::Handler {
    explicit Seat(IdlePipes& pipes) : pipes_(pipes) {}
    void on_data(Bytes bytes) override;
    void on_end() override;
    void on_sent(std::size_t) override {}
    void on_closed(const Error& why) override;

    IdlePipes& pipes_;
    Seat* older = nullptr;  // in the order, if there is one
    Seat* newer = nullptr;
    std::unique_ptr<Duplex> pipe;
    TimePoint until{};
    bool used = false;
  };

  void discard(Seat& seat);
  // The seat is taken no more.
  std::unique_ptr<Duplex> vacate(std::size_t place);
  void on_timeout();

  Runtime& runtime_;
  Owner& owner_;
  Order* const order_;  // null: none
  const std::size_t most_;
  const Duration keep_;
  // The first count_ are taken, oldest first; the rest are kept for reuse.
  std::vector<std::unique_ptr<Seat>> seats_;
  std::size_t count_ = 0;
  MemberTimer<IdlePipes, &IdlePipes::on_timeout> timer_{*this};
};

}  // namespace tenfold::broker
