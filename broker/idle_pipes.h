// IdlePipes: pipes to the local app that stand between two requests, the last used on top.
// Any byte on one of them ("408" from an app that tired of waiting, say), its end or its
// death discards it. Of a classic tunnel these are the pool's free sockets.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/runtime.h"
#include "duplex.h"

namespace tenfold::broker {

class IdlePipes {
 public:
  class Owner {
   public:
    // A pipe was discarded.
    virtual void on_idle_pipe_gone() = 0;

   protected:
    ~Owner() = default;
  };

  // `most`: beyond it the oldest is discarded. `keep`: how long one may idle; `never`: for good.
  IdlePipes(Runtime& runtime, Owner& owner, std::size_t most, Duration keep);
  ~IdlePipes();

  void put(std::unique_ptr<Duplex> pipe, bool used);

  struct Taken {
    std::unique_ptr<Duplex> pipe;  // null: none fits
    bool used = false;             // has served a request
  };
  // The last used one, if that was less than `patience` ago; a pipe that never served is always fresh.
  Taken take(Duration patience);

  std::size_t size() const { return count_; }
  void clear();

 private:
  struct Seat final : Duplex::Handler {
    explicit Seat(IdlePipes& pipes) : pipes_(pipes) {}
    void on_data(Bytes bytes) override;
    void on_end() override;
    void on_sent(std::size_t) override {}
    void on_closed(const Error& why) override;

    IdlePipes& pipes_;
    std::unique_ptr<Duplex> pipe;
    TimePoint since{};
    bool used = false;
  };

  void discard(Seat& seat);
  void on_timeout();

  Runtime& runtime_;
  Owner& owner_;
  const std::size_t most_;
  const Duration keep_;
  // The first count_ are taken, oldest first; the rest are kept for reuse.
  std::vector<std::unique_ptr<Seat>> seats_;
  std::size_t count_ = 0;
  MemberTimer<IdlePipes, &IdlePipes::on_timeout> timer_{*this};
};

}  // namespace tenfold::broker
