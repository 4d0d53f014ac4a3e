// Splice: joins two pipes into one until both ways have ended. Two one-way states,
// each: flowing -> ending (FIN passed on behind what is queued) -> ended. A cut on one side is
// a cut on the other.
//
//   splice = std::make_unique<Splice>(std::move(visitor), std::move(upstream), owner);
//   splice->start(early_from_visitor, early_from_upstream);
//
// Credit for a byte goes back to its source when it has left the other pipe's queue,
// so what is held is bounded by the two pipes' windows.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/error.h"
#include "duplex.h"

namespace tenfold {

class Splice {
 public:
  class Owner {
   public:
    // The last event: bury the splice. `why.kind` is none when both ways ended cleanly.
    virtual void on_splice_done(Splice& splice, const Error& why) = 0;

   protected:
    ~Owner() = default;
  };

  Splice(std::unique_ptr<Duplex> left, std::unique_ptr<Duplex> right, Owner& owner);
  ~Splice();
  Splice(const Splice&) = delete;
  Splice& operator=(const Splice&) = delete;

  // Once. Early bytes were delivered by that pipe to a former handler and not credited
  // yet; they go first. `left_ended` and `right_ended`: that pipe's on_end() was heard already.
  void start(Bytes early_left = {}, Bytes early_right = {}, bool left_ended = false, bool right_ended = false);

  // Cuts both ways; no event.
  void reset(ErrorKind why);

  // Bytes carried so far, from the left and from the right: also a sign of life for
  // an owner that watches for idleness.
  std::uint64_t carried_from_left() const { return sides_[0].carried; }
  std::uint64_t carried_from_right() const { return sides_[1].carried; }

 private:
  struct Side final : Duplex::Handler {
    void on_data(Bytes bytes) override;
    void on_end() override;
    void on_sent(std::size_t n) override;
    void on_closed(const Error& why) override;

    Splice* splice = nullptr;
    Side* other = nullptr;
    std::unique_ptr<Duplex> pipe;
    std::size_t foreign = 0;  // bytes that a former handler wrote and that have not left yet: no credit is due for them
    std::uint64_t carried = 0;  // bytes that came from this pipe
    std::size_t earlier = 0;    // in this pipe's queue from before the splice: not the other pipe's to be credited
    bool ended = false;         // its FIN was heard and passed on
    bool closed = false;        // its on_closed(none) was heard
  };

  void finish(const Error& why);

  std::array<Side, 2> sides_;
  Owner& owner_;
  bool done_ = false;
};

}  // namespace tenfold
