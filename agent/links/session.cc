#include "agent/links/session.h"

#include <algorithm>
#include <utility>

#include "agent/links/version.h"
#include "agent/rules.h"
#include "base/limits.h"
#include "mux/control_framing.h"
#include "mux/link_stream.h"

namespace tenfold {

Session::Session(BrokerSide& side, std::unique_ptr<Duplex> pipe, Tunnel& tunnel, Owner& owner)
    : side_(side), runtime_(side.runtime), owner_(owner), link_(side.network.drive(std::move(pipe), *this)) {
  seats_.push_back(std::make_unique<Seat>(Seat{tunnel, 0}));
  awaited_ = 1;
}

Session::~Session() = default;

void Session::start(Bytes early) {
  runtime_.timers.arm_in(deadline_, rules::dial_time);
  // Sent before `early` is read, which may contain a Registered: "The agent's first is Hello."
  control::ControlMessage message;
  message.mutable_hello()->set_version(1);
  message.mutable_hello()->set_agent_id(std::string("tenfold-agent/") + version);
  link_->link().send(message);
  link_->start(early);
}

void Session::ask_for(Tunnel& tunnel) {
  if (has(tunnel) || leaving_ || draining_) return;
  seats_.push_back(std::make_unique<Seat>(Seat{tunnel, ++last_request_}));
  ++awaited_;
  runtime_.timers.arm_in(answers_due_, rules::dial_time);
  control::ControlMessage message;
  control::Register& asked = *message.mutable_register_();
  asked.set_request_id(last_request_);
  asked.set_name(tunnel.asked_name());
  asked.set_kind("http");
  asked.set_resume_token(tunnel.resume_token);
  asked.set_instance(side_.instance);
  link_->link().send(message);
}

bool Session::has(const Tunnel& tunnel) const {
  return std::any_of(seats_.begin(), seats_.end(), [&](const auto& seat) { return &seat->tunnel == &tunnel; });
}

void Session::say_goodbye() {
  control::ControlMessage message;
  message.mutable_goodbye()->set_reason("asked to stop");
  link_->link().send(message);
}

void Session::leave(Duration deadline) {
  if (std::exchange(leaving_, true)) return;
  runtime_.timers.arm_in(deadline_, deadline);
  link_->link().drain();
}

void Session::leave_soon(Duration deadline) {
  leave_deadline_ = deadline;
  runtime_.timers.arm_in(moved_, rules::moved_grace);
}

void Session::on_deadline() {
  const char* what = up_ ? "link-cut" : "link-not-registered";
  runtime_.log.info(what, {{"streams", forwarders_.size()}});
  link_->link().close();
}

// ---- Streams -----------------------------------------------------------------------

void Session::on_link_stream(std::unique_ptr<LinkStream> stream) {
  // HEADERS may overtake DATA: a visitor that waited for a tunnel may arrive before the Registered that was sent first.
  if (awaited_ != 0 && !by_name_.contains(stream->name())) {
    early_.push_back(std::move(stream));
  } else {
    serve(std::move(stream));
  }
}

void Session::serve(std::unique_ptr<LinkStream> stream) {
  const auto found = by_name_.find(stream->name());
  if (found == by_name_.end()) return refuse(*stream);
  auto forwarder = std::make_unique<Forwarder>(found->second->tunnel.forwarding, std::move(stream), *this);
  Forwarder& started = *forwarder;
  forwarders_.emplace(&started, std::move(forwarder));
  started.start();
}

// docs/PROTOCOL.md, "Streams": a name that the agent does not serve is refused.
void Session::refuse(LinkStream& stream) {
  if (refusal_lines_.take(runtime_.now())) {
    runtime_.log.warn("stream-refused", {{"name", stream.name()}, {"more", refusals_left_out_}});
    refusals_left_out_ = 0;
  } else {
    ++refusals_left_out_;
  }
  stream.reset(ErrorKind::unbegun);
}

// Serves those whose tunnel is up, and all of them when no answer is pending.
void Session::serve_early() {
  for (std::unique_ptr<LinkStream>& stream : std::exchange(early_, {})) on_link_stream(std::move(stream));
}

void Session::on_forwarder_done(Forwarder& forwarder, const Error& why) {
  if (why) runtime_.log.debug("stream-cut", {{"cause", describe(why)}});
  const auto found = forwarders_.find(&forwarder);
  runtime_.graveyard.bury(std::move(found->second));
  forwarders_.erase(found);
}

// ---- Control messages --------------------------------------------------------------

void Session::on_control(const control::ControlMessage& message) {
  switch (message.kind_case()) {
    case control::ControlMessage::kRegistered: return on_registered(message);
    case control::ControlMessage::kRefused: return on_refused(message);
    case control::ControlMessage::kWelcome:
      runtime_.log.info("welcome", {{"server", message.welcome().server_id()}});
      return;
    case control::ControlMessage::kNotice: return side_.status.broker_says(message.notice().text(), runtime_.now());
    case control::ControlMessage::kDrain:
      return tell_draining(std::chrono::milliseconds(message.drain().deadline_ms()));
    case control::ControlMessage::kUnregistered: return on_unregistered(message);
    default: return;  // the link accepts only the broker's kinds
  }
}

void Session::on_registered(const control::ControlMessage& message) {
  const control::Registered& said = message.registered();
  if (const auto known = by_name_.find(said.name()); known != by_name_.end() && said.request_id() == 0) {
    known->second->tunnel.resume_token = said.resume_token();
    return;
  }
  Seat* const seat = seat_of(said.request_id());
  if (seat == nullptr || seat->registered || said.urls().empty()) return;
  if (!by_name_.try_emplace(said.name(), seat).second) return;
  answered(*seat);
  seat->registered = true;
  if (seat->request_id == 0) {
    up_ = true;
    runtime_.timers.disarm(deadline_);
  }
  owner_.on_session_registered(*this, seat->tunnel, {said.name(), said.urls(0), said.resume_token()});
  serve_early();
}

void Session::on_refused(const control::ControlMessage& message) {
  const control::Refused& said = message.refused();
  Seat* const seat = seat_of(said.request_id());
  if (seat == nullptr || seat->registered || seat->request_id == 0) {
    return side_.status.broker_says("refused: " + said.message(), runtime_.now());
  }
  answered(*seat);
  Tunnel& tunnel = seat->tunnel;
  std::erase_if(seats_, [&](const auto& each) { return each.get() == seat; });
  owner_.on_session_refused(*this, tunnel, said.code(), said.message());
  serve_early();
}

// The tunnel is gone; its current visitors are still served.
void Session::on_unregistered(const control::ControlMessage& message) {
  const control::Unregistered& said = message.unregistered();
  const auto found = by_name_.find(said.name());
  if (found == by_name_.end()) return;
  const Seat* const seat = found->second;
  Tunnel& tunnel = seat->tunnel;
  by_name_.erase(found);
  std::erase_if(seats_, [&](const auto& each) { return each.get() == seat; });
  owner_.on_session_unregistered(*this, tunnel, said.code(), said.message());
}

Session::Seat* Session::seat_of(std::uint32_t request_id) {
  const auto found =
      std::find_if(seats_.begin(), seats_.end(), [&](const auto& seat) { return seat->request_id == request_id; });
  return found == seats_.end() ? nullptr : found->get();
}

void Session::answered(Seat& seat) {
  if (!std::exchange(seat.late, false)) --awaited_;
}

void Session::on_answers_late() {
  for (const auto& seat : seats_) {
    if (seat->registered || seat->late || seat->request_id == 0) continue;
    seat->late = true;
    --awaited_;
    owner_.on_session_unanswered(*this, seat->tunnel);
  }
  serve_early();
}

void Session::tell_draining(Duration deadline) {
  if (leaving_ || std::exchange(draining_, true)) return;
  owner_.on_session_draining(*this, deadline);
}

void Session::on_link_draining() { tell_draining(limits::drain_time); }

void Session::on_link_closed(const Error& why) {
  runtime_.timers.disarm(deadline_);
  runtime_.timers.disarm(answers_due_);
  early_.clear();
  for (const auto& seat : seats_) {
    if (!seat->registered) seat->tunnel.ghost_until = runtime_.now() + rules::own_ghost_time;
  }
  owner_.on_session_closed(*this, why);
}

}  // namespace tenfold
