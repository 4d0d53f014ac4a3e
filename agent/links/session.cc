#include "agent/links/session.h"

#include <algorithm>
#include <utility>

#include "agent/links/version.h"
#include "base/limits.h"
#include "mux/control_codec.h"
#include "mux/link_stream.h"

namespace tenfold {

Session::Session(Forwarding& forwarding, Network& network, std::unique_ptr<Duplex> pipe, Owner& owner)
    : forwarding_(forwarding), owner_(owner), link_(network.drive(std::move(pipe), *this)) {}

Session::~Session() = default;

void Session::start(Bytes early) {
  forwarding_.runtime.timers.arm_in(deadline_, limits::dial_time);
  link_->start(early);
  control::ControlMessage message;
  message.mutable_hello()->set_version(1);
  message.mutable_hello()->set_agent_id(std::string("tenfold-agent/") + version);
  link_->link().send(message);
}

void Session::say_goodbye() {
  control::ControlMessage message;
  message.mutable_goodbye()->set_reason("asked to stop");
  link_->link().send(message);
}

void Session::leave(Duration deadline) {
  if (std::exchange(leaving_, true)) return;
  forwarding_.runtime.timers.arm_in(deadline_, deadline);
  link_->link().drain();
}

void Session::on_deadline() {
  const char* what = registered_ ? "link-cut" : "link-not-registered";
  forwarding_.runtime.log.info(what, {{"streams", forwarders_.size()}});
  link_->link().close();
}

void Session::on_link_stream(std::unique_ptr<LinkStream> stream) {
  // HEADERS overtake DATA: a visitor who waited for this link may come before the Registered that was sent first.
  if (!registered_) {
    early_.push_back(std::move(stream));
  } else {
    serve(std::move(stream));
  }
}

void Session::serve(std::unique_ptr<LinkStream> stream) {
  // docs/PROTOCOL.md, "Streams": a name that the agent does not serve is refused.
  if (stream->name() != name_) {
    if (refusal_lines_.take(forwarding_.runtime.now())) {
      forwarding_.runtime.log.warn("stream-refused", {{"name", stream->name()}, {"more", refusals_left_out_}});
      refusals_left_out_ = 0;
    } else {
      ++refusals_left_out_;
    }
    return stream->reset(ErrorKind::unbegun);
  }
  auto forwarder = std::make_unique<Forwarder>(forwarding_, std::move(stream), *this);
  Forwarder& started = *forwarder;
  forwarders_.emplace(&started, std::move(forwarder));
  started.start();
}

void Session::on_forwarder_done(Forwarder& forwarder, const Error& why) {
  if (why) forwarding_.runtime.log.debug("stream-cut", {{"cause", describe(why)}});
  const auto found = forwarders_.find(&forwarder);
  forwarding_.runtime.graveyard.bury(std::move(found->second));
  forwarders_.erase(found);
}

void Session::on_control(const control::ControlMessage& message) {
  switch (message.kind_case()) {
    case control::ControlMessage::kRegistered: return on_registered(message);
    case control::ControlMessage::kWelcome:
      forwarding_.runtime.log.info("welcome", {{"server", message.welcome().server_id()}});
      return;
    case control::ControlMessage::kRefused:
      return forwarding_.status.broker_says("refused: " + message.refused().message(), forwarding_.runtime.now());
    case control::ControlMessage::kNotice:
      return forwarding_.status.broker_says(message.notice().text(), forwarding_.runtime.now());
    case control::ControlMessage::kDrain:
      return tell_draining(std::chrono::milliseconds(message.drain().deadline_ms()));
    default: return;  // the link lets only a broker's kinds through
  }
}

void Session::on_registered(const control::ControlMessage& message) {
  const control::Registered& said = message.registered();
  if (registered_ || said.request_id() != 0 || said.urls().empty()) return;
  registered_ = true;
  forwarding_.runtime.timers.disarm(deadline_);
  name_ = said.name();
  owner_.on_session_registered(*this, {name_, said.urls(0), said.resume_token()});
  for (std::unique_ptr<LinkStream>& stream : std::exchange(early_, {})) serve(std::move(stream));
}

void Session::tell_draining(Duration deadline) {
  if (leaving_ || std::exchange(draining_, true)) return;
  owner_.on_session_draining(*this, deadline);
}

void Session::on_link_draining() { tell_draining(limits::drain_time); }

void Session::on_link_closed(const Error& why) {
  forwarding_.runtime.timers.disarm(deadline_);
  early_.clear();
  owner_.on_session_closed(*this, why);
}

}  // namespace tenfold
