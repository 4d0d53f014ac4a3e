// The control stream of Link::Core: what goes out on it, and what may come in: so many messages at once and so many a
// second, one greeting, and no kind that is our own side's to send. A peer that does otherwise ends the link.
#include <utility>

#include "base/limits.h"
#include "mux/link_core.h"

namespace tenfold {

namespace {

// Who may send a control message.
enum class Kind {
  unknown,  // of a later version: skipped
  brokers,
  answer,  // the broker's, to a Register
  agents
};

Kind kind_of(const control::ControlMessage& message) {
  using control::ControlMessage;
  switch (message.kind_case()) {
    case ControlMessage::kWelcome:
    case ControlMessage::kDrain:
    case ControlMessage::kUnregistered:
    case ControlMessage::kNotice: return Kind::brokers;
    case ControlMessage::kRegistered:
    case ControlMessage::kRefused: return Kind::answer;
    case ControlMessage::kHello:
    case ControlMessage::kRegister:
    case ControlMessage::kUnregister:
    case ControlMessage::kGoodbye: return Kind::agents;
    case ControlMessage::KIND_NOT_SET: break;
  }
  return Kind::unknown;
}

// What replicas say to each other, either to the other.
bool peers_may_say(const control::ControlMessage& message) {
  return message.has_welcome() || message.has_drain() || message.has_goodbye();
}

}  // namespace

void Link::Core::adopt_control(std::unique_ptr<LinkStream> stream) {
  control_ = std::move(stream);
  control_->set_handler(this);
}

void Link::Core::send(const control::ControlMessage& message) {
  if (ended()) return;
  const std::string bytes = encode_control(message);
  if (message.has_register_()) ++answers_due_;
  const std::size_t waiting = control_ != nullptr ? control_->queued() : early_control_.size();
  if (waiting + bytes.size() > limits::control_queued) {
    return fail({ErrorKind::limit, "the peer does not read the control stream"}, H2Code::enhance_your_calm);
  }
  if (control_ == nullptr) {
    early_control_ += bytes;
  } else {
    control_->write(to_bytes(bytes));
  }
}

void Link::Core::on_data(Bytes bytes) {
  control_->credit(bytes.size());
  const Error bad = control_reader_.feed(
      bytes, [this](const control::ControlMessage& message) { return !ended() && on_control_message(message); });
  if (bad) fail(bad, H2Code::protocol_error);
}

bool Link::Core::on_control_message(const control::ControlMessage& message) {
  const Kind kind = kind_of(message);
  if (kind == Kind::answer && answers_due_ != 0) {
    --answers_due_;
  } else if (!control_bucket_.take(runtime_.now())) {
    fail({ErrorKind::limit, "too many control messages"}, H2Code::enhance_your_calm);
    return false;
  }
  if (kind == Kind::unknown) return true;
  if (options_.peers ? !peers_may_say(message) : (kind == Kind::agents) != (role_ == Role::broker)) {
    fail({ErrorKind::protocol, "a control message that only the other side may send"}, H2Code::protocol_error);
    return false;
  }
  if ((message.has_hello() || message.has_welcome()) && std::exchange(greeted_, true)) {
    fail({ErrorKind::protocol, message.has_hello() ? "a second Hello" : "a second Welcome"}, H2Code::protocol_error);
    return false;
  }
  handler_.on_control(message);
  return !ended();
}

void Link::Core::on_end() { fail({ErrorKind::protocol, "the control stream ended"}, H2Code::protocol_error); }

void Link::Core::on_closed(const Error& why) {
  fail({ErrorKind::protocol, "the control stream ended: " + describe(why)}, H2Code::protocol_error);
}

}  // namespace tenfold
