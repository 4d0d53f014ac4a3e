// Splice: joins two pipes into one until both ways have ended: the visitor's on the left, the app's on the right. Two
// one-way states, each: flowing -> ending (FIN passed on behind what is queued) -> ended.
//
//   splice = std::make_unique<Splice>(runtime, std::move(visitor), std::move(upstream), owner);
//   splice->start(early_from_visitor, early_from_upstream);
//
// A cut on one side is a cut on the other, behind what was read before it: an app that answers 413 and resets has
// answered. The remaining pipe sends its queue first, then it is reset:
//
//   joined --cut, bytes queued on the other side--> parting --queue empty, cut, or no progress--> done
//      \__________cut, nothing queued; both ways ended; reset()___________________________________/
//
// A visitor may take his time for the rest (limits::reader_idle without progress); an app that reads nothing is cut
// after limits::parting_time, since nobody waits for its answer any more.
//
// Credit for a byte goes back to its source when it has left the other pipe's queue,
// so what is held is bounded by the two pipes' windows.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"
#include "base/error.h"
#include "base/runtime.h"
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

  Splice(Runtime& runtime, std::unique_ptr<Duplex> left, std::unique_ptr<Duplex> right, Owner& owner);
  ~Splice();
  Splice(const Splice&) = delete;
  Splice& operator=(const Splice&) = delete;

  // What bytes of the right, which follow some of the left, are the beginning of.
  enum class Turn : std::uint8_t {
    other,   // something unknown
    answer,  // an answer: what the left sends behind it may be the next request
    raw,     // an answer that ends the row of requests: all that follows is bytes
  };
  // Before start(): the left pipe carries requests, as `turn_of` knows the answers. When the right pipe ended after an
  // answer and before a byte of what the left sends next has left for it, the left one is reset with `unbegun`: nothing
  // was begun (RFC 9113 8.7).
  void refuse_unbegun(Turn (*turn_of)(Bytes beginning)) { turn_of_ = turn_of; }

  // Once. Early bytes were delivered by that pipe to a former handler and not credited
  // yet; they go first. `left_ended` and `right_ended`: that pipe's on_end() was heard already.
  void start(Bytes early_left = {}, Bytes early_right = {}, bool left_ended = false, bool right_ended = false);

  // Cuts both ways; no event.
  void reset(ErrorKind why);

  // Ends both ways in order, behind what is queued; the splice is done when that has left.
  void end();

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
    std::uint64_t carried = 0;   // bytes that came from this pipe
    std::size_t earlier = 0;     // in this pipe's queue from before the splice: not the other pipe's to be credited
    std::size_t unanswered = 0;  // bytes written to this pipe since it last delivered one
    bool ended = false;          // its FIN was heard and passed on
    bool closed = false;         // its on_closed(none) was heard
  };
  enum class State : std::uint8_t { joined, parting, done };

  Side& left() { return sides_[0]; }
  Side& right() { return sides_[1]; }
  // Nothing of what the left sends now can have reached the app: its pipe had ended before.
  bool unbegun() const;
  void note_turn(Bytes beginning);
  void part(Side& remaining, const Error& why);
  void settle_parting();
  void on_no_progress() { finish(why_); }
  void finish(const Error& why);

  Runtime& runtime_;
  std::array<Side, 2> sides_;
  Owner& owner_;
  State state_ = State::joined;
  Turn (*turn_of_)(Bytes) = nullptr;                                 // null: nothing is refused
  Turn turn_ = Turn::other;                                          // of what the right said last
  Side* remaining_ = nullptr;                                        // while parting
  Error why_;                                                        // ... of the cut
  MemberTimer<Splice, &Splice::on_no_progress> no_progress_{*this};  // ... from the last byte that left
};

}  // namespace tenfold
