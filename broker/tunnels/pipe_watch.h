// PipeWatch: what a tunnel learns from its pipes that are in use.
//
// - An app that serves one connection at a time (a single-threaded development server) leaves a new connection in its
//   backlog while a kept, idle one blocks it. So when a request has no answer for rules::app_stuck_time, the idle pipes
//   are closed, and none is kept until it has one. An answer to a later request shows that the app most likely accepted
//   the earlier ones, too, and is only slow with them: their time starts again.
// - Visitors who read nothing of their answers hold pipes that others wait for. While a request waits, the visitor who
//   has read nothing for the longest time, rules::reader_stands at least, is cut.
//
//   watch.asked(request);      // it is on a pipe that may be new to the app
//   watch.answered(request);   // the first byte of an answer
//   watch.stands(request);  watch.moves(request);
//
// Part of its tunnel. Borrows the openings, which take themselves out (Opening::withdraw).
#pragma once

#include "base/runtime.h"
#include "broker/rules.h"
#include "broker/tunnels/opening.h"

namespace tenfold::broker {

class PipeWatch {
 public:
  class Owner {
   public:
    // Idle pipes may be what the app waits for the end of.
    virtual void on_app_stuck() = 0;
    // Whether somebody waits for a pipe.
    virtual bool someone_waits() const = 0;

   protected:
    ~Owner() = default;
  };

  PipeWatch(Runtime& runtime, Owner& owner) : runtime_(runtime), owner_(owner) {}

  void asked(Opening& opening);
  void answered(Opening& opening);
  void stands(Opening& opening);
  void moves(Opening& opening);

  // A request has been waiting for the app for so long that it may wait for an idle pipe's end.
  bool app_stuck() const;

  // Somebody waits for a pipe: makes room as soon as it may.
  void make_room();
  // Cuts the visitor who has stood longest, whether others wait or not; there must be one.
  void evict_first() { standing_.pop_front()->on_evicted(); }
  // Since when the one has stood who has stood longest; `never`: none stands.
  TimePoint standing_since() const { return standing_.empty() ? never : standing_.front_time(); }

 private:
  void on_stuck();
  // When the first of those who stand may be asked to go.
  TimePoint first_due() const;

  Runtime& runtime_;
  Owner& owner_;
  OpeningList unanswered_;  // since when
  OpeningList standing_;    // since when
  MemberTimer<PipeWatch, &PipeWatch::on_stuck> stuck_timer_{*this};
  MemberTimer<PipeWatch, &PipeWatch::make_room> room_timer_{*this};
};

}  // namespace tenfold::broker
