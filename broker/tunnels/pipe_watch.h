// PipeWatch: what a tunnel notices of the pipes that are out, and cannot see by itself.
//
// - An app that serves one connection at a time (a single-threaded development server) leaves a new connection in its
//   backlog while a kept, idle one blocks it. So when a request is not answered for limits::app_stuck_time, the idle
//   pipes are closed, and none is kept until it is. An answer to a later request shows that the app most likely
//   accepted the earlier ones, too, and is only slow with them: their time begins again.
// - Visitors who take nothing of their answers hold pipes that others wait for. The one who has stood longest goes,
// when
//   somebody waits and he has stood for limits::reader_stands.
//
//   watch.asked(exchange);      // its request is on a pipe that may be new to the app
//   watch.answered(exchange);   // the first byte of an answer
//   watch.stands(exchange);  watch.moves(exchange);
//
// Part of its tunnel. Borrows the openings, which take themselves out (Opening::withdraw).
#pragma once

#include "base/runtime.h"
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
