// Drain: how a broker goes down without anybody's noticing: in steps, each of which ends by an event, and the whole at
// its deadline.
//
//   announced   health says no; new tunnels are refused; agents hear Drain, spread over the delay; listeners stay open,
//               and every answer to a visitor says `Connection: close`      -- until the delay is over
//   closed      listeners are closed                                        -- until no visitor's request runs
//   leaving     links take streams (of peers) until their agents have left  -- until all have, or their time is over
//   ending      what still runs at the deadline is ended, in order where it can be
//
// An agent registers elsewhere before it leaves its link here (make before break), so a visitor always finds one of the
// two. A broker without a delay expects no other one to take its agents: their links go with the last visitor.
//
// Owned by the broker, which outlives nothing that stands here. `stopped` is called once.
#pragma once

#include <functional>

#include "base/runtime.h"

namespace tenfold::broker {

class ClassicPorts;
class Desk;
class FrontDoor;
class LinkDoor;
class OwnSite;

struct DrainTimes {
  Duration delay;    // --drain-delay: zero: none
  Duration timeout;  // --drain-timeout, from the start
};

class Drain final : private Timer {
 public:
  // What goes down; all of it outlives the drain, and so do the times.
  struct Side {
    Runtime& runtime;
    OwnSite& own_site;
    FrontDoor& door;
    Desk& desk;
    LinkDoor& links;
    ClassicPorts& classic;
  };
  // `times` is read when it starts.
  Drain(const Side& side, const DrainTimes& times, std::function<void()> stopped)
      : side_(side), times_(times), stopped_(std::move(stopped)) {}
  ~Drain();

  void start();
  bool begun() const { return begun_; }

 private:
  void on_timer() override;
  void close_doors();
  void on_visitors_gone();
  void end_links();
  void stop();

  const Side side_;
  const DrainTimes& times_;
  std::function<void()> stopped_;
  TimePoint agents_until_{};  // when agents have had the time to register elsewhere
  bool begun_ = false;
  bool ending_ = false;
  MemberTimer<Drain, &Drain::close_doors> delay_{*this};
  MemberTimer<Drain, &Drain::end_links> leaving_{*this};
};

}  // namespace tenfold::broker
