#include "io/link_driver.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "mux/link_stream.h"

namespace tenfold {

LinkDriver::LinkDriver(Loop& loop, std::unique_ptr<Duplex> transport, Link::Role role, const LinkOptions& options,
                       Link::Handler& handler)
    : loop_(loop), transport_(std::move(transport)), handler_(handler), link_(loop.runtime(), role, options, *this) {}

LinkDriver::~LinkDriver() = default;

void LinkDriver::start(Bytes early) {
  transport_->set_handler(this);
  if (!early.empty()) on_data(early);
  if (link_.want_output()) loop_.defer(*this);
}

void LinkDriver::on_data(Bytes bytes) {
  link_.receive(bytes);
  // Credited at once: the link's own windows bound what it holds.
  transport_->credit(bytes.size());
}

void LinkDriver::on_end() { link_.end_of_input({ErrorKind::closed, "the link's connection was closed by the peer"}); }

// Checks again whether the link has output: the streams of an earlier announcement may have ended, and only a
// take_output() lets the link announce output again.
void LinkDriver::on_sent(std::size_t) {
  const TimePoint now = loop_.runtime().timers.now();
  if (transport_->queued() != 0) {
    kept_since_ = std::min(kept_since_, now);
  } else if (const TimePoint since = std::exchange(kept_since_, never); since < now - limits::flush_slow) {
    slow_until_ = now + limits::flush_slow_time;
  }
  loop_.defer(*this);
}

void LinkDriver::on_closed(const Error& why) {
  link_.end_of_input(why ? why : Error{ErrorKind::closed, "the link's connection was closed"});
}

void LinkDriver::on_link_output() { loop_.defer(*this); }

// While the transport keeps up, writes are large. On a slow path they are small, so that urgent frames do not wait
// behind bulk. A transport may keep bytes until the end of the turn: on_sent() continues from there.
void LinkDriver::flush() {
  for (std::size_t queued = transport_->queued(); queued < limits::flush_small; queued = transport_->queued()) {
    if (!link_.want_output()) return;
    const bool large = queued == 0 && loop_.runtime().timers.now() >= slow_until_;
    const MutableBytes room = loop_.write_room().first(large ? limits::flush_bulk : limits::flush_small);
    if (link_.take_output(room, *this) == 0) return;
  }
}

void LinkDriver::on_link_stream(std::unique_ptr<LinkStream> stream) { handler_.on_link_stream(std::move(stream)); }

void LinkDriver::on_control(const control::ControlMessage& message) { handler_.on_control(message); }

void LinkDriver::on_link_draining() { handler_.on_link_draining(); }

void LinkDriver::on_link_room() { handler_.on_link_room(); }

void LinkDriver::on_link_closed(const Error& why) {
  // The last frames: a GOAWAY, and the control messages before it.
  const MutableBytes room = loop_.write_room();
  for (std::size_t left = limits::control_queued; left > room.size(); left -= room.size()) {
    if (link_.take_output(room, *this) == 0) break;
  }
  transport_->end();
  handler_.on_link_closed(why);
}

}  // namespace tenfold
