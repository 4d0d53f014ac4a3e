#include "broker/drain.h"

#include <utility>

#include "base/limits.h"
#include "broker/classic/classic_ports.h"
#include "broker/desk/desk.h"
#include "broker/desk/own_site.h"
#include "broker/front/front_door.h"
#include "broker/link/link_door.h"
#include "broker/rules.h"

namespace tenfold::broker {

Drain::~Drain() {
  for (Timer* timer : {static_cast<Timer*>(this), static_cast<Timer*>(&delay_), static_cast<Timer*>(&leaving_)}) {
    side_.runtime.timers.disarm(*timer);
  }
}

void Drain::start() {
  begun_ = true;
  side_.runtime.log.info("draining", {{"delay", in_seconds(times_.delay)}, {"timeout", in_seconds(times_.timeout)}});
  side_.own_site.drain();
  side_.runtime.timers.arm_in(*this, times_.timeout);
  side_.door.announce_drain();
  side_.links.announce_drain(times_.timeout, times_.delay);
  if (times_.delay == Duration::zero()) return close_doors();
  agents_until_ = side_.runtime.now() + times_.delay + rules::agents_leave_time;
  side_.runtime.timers.arm_in(delay_, times_.delay);
}

void Drain::close_doors() {
  side_.door.drain([this] { on_visitors_gone(); });
}

void Drain::on_visitors_gone() {
  if (side_.runtime.now() >= agents_until_) return end_links();
  side_.runtime.timers.arm(leaving_, agents_until_);
  side_.links.when_empty([this] { stop(); });
}

void Drain::end_links() {
  side_.links.drain([this] { stop(); });
}

// First call: the drain's time is over. Second call: so is the time for what was ended then.
void Drain::on_timer() {
  if (std::exchange(ending_, true)) return stop();
  const std::size_t upgraded = side_.desk.end_upgraded();
  const std::size_t cut = side_.door.end_now();
  side_.runtime.log.warn("drain-timeout", {{"upgraded_ended", upgraded}, {"requests_cut", cut}});
  side_.runtime.timers.arm_in(*this, limits::drain_grace);
}

void Drain::stop() {
  side_.runtime.timers.disarm(*this);
  side_.classic.drain();
  if (stopped_) std::exchange(stopped_, nullptr)();
}

}  // namespace tenfold::broker
