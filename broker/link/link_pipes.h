// LinkPipes: what the tunnels of one link share: its streams. A link carries so many streams at once; those that stand
// idle between two requests count as well.
//
// - At most half of the streams are idle ones. The least recently used of the link is closed beyond that, and when any
//   tunnel needs a stream and none is free.
// - Visitors wait at their tunnel, first come first served; tunnels with visitors who wait are served in turn. While
//   another one waits, a tunnel has at most half of the streams on loan.
// - No timer polls: serve() runs when a pipe was given back, and when the link reports room.
//
//   LinkPipes pipes(runtime, link);
//   pipes.add(tunnel); … pipes.remove(tunnel);   // LinkTunnel does
//   pipes.serve();                               // on_link_room()
//
// Owned by the link's session; outlives its members, or they are removed before. On the link's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/runtime.h"
#include "broker/tunnels/idle_pipes.h"
#include "mux/link.h"
#include "mux/link_stream.h"

namespace tenfold::broker {

class LinkPipes {
 public:
  // A tunnel of the link.
  class Member {
   public:
    virtual std::size_t streams_on_loan() const = 0;
    virtual std::size_t visitors_waiting() const = 0;
    // A pipe for the visitor who has waited longest. False: there was none, and he waits on.
    virtual bool serve_first() = 0;
    // What PipeWatch has.
    virtual TimePoint standing_since() const = 0;
    virtual void make_room() = 0;
    virtual void evict_first() = 0;

   protected:
    ~Member() = default;
  };

  // `link` is borrowed.
  LinkPipes(Runtime& runtime, Link& link) : runtime_(runtime), link_(link) {}

  void add(Member& member) { members_.push_back(&member); }
  void remove(Member& member);

  // A new stream, in the place of the least recently used idle one if there is no other. Errors: Link::open_stream().
  Result<std::unique_ptr<LinkStream>> open_stream(const StreamTarget& target);

  // A visitor of the member waits from now on.
  void wait(Member& member);
  // Whether visitors wait somewhere, so that others stand behind them. Those who gave up may still count.
  bool in_demand() const { return !waiting_.empty(); }
  // Whether visitors wait somewhere.
  bool someone_waits() const;

  // The idle pipes of all members, which put and take them.
  IdlePipes::Order& idle() { return idle_; }
  // A pipe was put there.
  void on_idle();

  // Gives pipes to those who wait, as long as there are any. Not from inside a pipe's event.
  void serve();

  // Since when the visitor has stood who has stood longest of the link; `never`: none stands.
  TimePoint standing_since() const;
  // Cuts that visitor; there must be one.
  void evict_first() { (*longest_standing())->evict_first(); }

  bool link_closed() const { return link_.closed(); }
  Duration round_trip() const { return link_.rtt(); }

 private:
  // The member whose turn it is; null: no visitor waits.
  Member* next_in_turn();
  void end_turn(Member* member);
  std::vector<Member*>::const_iterator longest_standing() const;
  // Asks the one to go who has stood longest of the link.
  void make_room();
  void serve_soon() { runtime_.timers.arm_in(serve_timer_, Duration::zero()); }

  Runtime& runtime_;
  Link& link_;
  IdlePipes::Order idle_;
  std::size_t share_ = 1;  // half of the link's streams, one at least; as of the last open_stream()
  std::vector<Member*> members_;
  std::vector<Member*> waiting_;  // members with visitors who wait, or waited until lately, the next one first
  MemberTimer<LinkPipes, &LinkPipes::serve> serve_timer_{*this};
};

}  // namespace tenfold::broker
