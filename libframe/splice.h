// Splice: joins two pipes until both directions have ended: the visitor's pipe on the left, the app's on the right.
// Each direction goes flowing -> ending (FIN passed on behind the queue) -> ended.
//
//   splice = std::make_unique<Splice>(runtime, std::move(visitor), std::move(upstream), owner);
//   splice->start(early_from_visitor, early_from_upstream);
//
// A cut on one side becomes a cut on the other, after the bytes that were read before it: an app that answers 413 and
// resets has answered. The remaining pipe sends its queue first, then it is reset:
//
//   joined --cut, bytes queued on the other side--> parting --queue empty, cut, or no progress--> done
//      \__________cut, nothing queued; both ways ended; reset()___________________________________/
//
// A visitor may be slow to read the rest (limits::reader_idle without progress). An app that reads nothing is cut after
// limits::parting_time, since its answer is no longer wanted.
//
// Credit for a byte returns to its source when the byte has left the other pipe's queue, so the two pipes' windows
// bound what is held.
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
    // The last event: bury the splice. `why.kind` is none if both directions ended cleanly.
    virtual void on_splice_done(Splice& splice, const Error& why) = 0;
    // Just before it, while the pipes are not reset yet: for an owner who can say more to one of them.
    virtual void on_splice_cut(const Error& /*why*/) {}

   protected:
    ~Owner() = default;
  };

  Splice(Runtime& runtime, std::unique_ptr<Duplex> left, std::unique_ptr<Duplex> right, Owner& owner);
  ~Splice();
  Splice(const Splice&) = delete;
  Splice& operator=(const Splice&) = delete;

  // What the bytes of the right begin with, when they follow bytes of the left.
  enum class Turn : std::uint8_t {
    other,   // unknown
    answer,  // an answer: the next bytes of the left may be the next request
    raw,     // an answer after which no more requests follow: all that follows is raw bytes
  };
  // Call before start(). The left pipe carries requests, and `turn_of` recognizes the answers. When the right pipe ends
  // after an answer, before any byte of the left's next request has left for it, the left one is reset with `unbegun`:
  // the app has not begun that request (RFC 9113 8.7).
  void refuse_unbegun(Turn (*turn_of)(Bytes beginning)) { turn_of_ = turn_of; }

  // Call once. Early bytes were delivered by that pipe to an earlier handler and are not yet credited; they go first.
  // `left_ended` and `right_ended`: that pipe's on_end() was already reported.
  void start(Bytes early_left = {}, Bytes early_right = {}, bool left_ended = false, bool right_ended = false);

  // Cuts both directions; no event.
  void reset(ErrorKind why);

  // Ends both directions behind what is queued; the splice is done when that has left.
  void end();

  // Bytes carried so far, from the left and from the right. An owner that watches for idleness uses them as activity.
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
    std::size_t earlier = 0;     // in this pipe's queue from before the splice: not credited to the other pipe
    std::size_t unanswered = 0;  // bytes written to this pipe since it last delivered one
    bool ended = false;          // its FIN was received and passed on
    bool closed = false;         // its on_closed(none) was received
  };
  enum class State : std::uint8_t { joined, parting, done };

  Side& left() { return sides_[0]; }
  Side& right() { return sides_[1]; }
  // No byte that the left sends now can have reached the app: its pipe ended before.
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
  Turn turn_ = Turn::other;                                          // what the last bytes of the right were
  Side* remaining_ = nullptr;                                        // while parting
  Error why_;                                                        // ... of the cut
  MemberTimer<Splice, &Splice::on_no_progress> no_progress_{*this};  // ... from the last byte that left
};

}  // namespace tenfold
