#include "broker/cluster/peer_link.h"

#include <algorithm>
#include <utility>

#include "broker/cluster/peer_handshake.h"
#include "broker/rules.h"
#include "mux/link_stream.h"
#include "proto/control.pb.h"

namespace tenfold::broker {
namespace {

constexpr int looks = 10;  // before an idle link is closed

}  // namespace

class PeerLink::Line final : private Link::Handler {
 public:
  Line(PeerLink& owner, std::unique_ptr<Duplex> connection)
      : owner_(owner),
        driver_(owner.loop_, std::move(connection), Link::Role::broker, peer_handshake::link_options(), *this),
        pipes_(owner.loop_.runtime(), driver_.link()) {}

  void start(Bytes early) { driver_.start(early); }

  // No stream is opened on it any more; the last one ends it.
  void leave() {
    control::ControlMessage message;
    message.mutable_goodbye();
    driver_.link().send(message);
    driver_.link().drain();
  }

  Link& link() { return driver_.link(); }
  LinkPipes& pipes() { return pipes_; }

 private:
  void on_link_stream(std::unique_ptr<LinkStream>) override {}
  void on_control(const control::ControlMessage& message) override {
    if (!message.has_drain()) return;
    owner_.loop_.runtime().log.info("peer-drains", {{"replica", to_string(owner_.replica_)}});
  }
  void on_link_output() override {}
  void on_link_draining() override {
    if (owner_.line_.get() == this) owner_.retire();
  }
  void on_link_room() override { pipes_.serve(); }
  void on_link_closed(const Error& why) override { owner_.on_line_closed(*this, why); }

  PeerLink& owner_;
  LinkDriver driver_;
  LinkPipes pipes_;
};

PeerLink::PeerLink(Loop& loop, PeerDialer& dialer, ReplicaId replica, std::string address)
    : loop_(loop), dialer_(dialer), replica_(std::move(replica)), address_(std::move(address)) {}

PeerLink::~PeerLink() {
  while (User* user = waiting_.pop_front()) user->on_peer_failed({ErrorKind::closed, "going down", Origin::peer});
  while (User* user = riding_.pop_front()) user->on_peer_lost();
}

LinkPipes* PeerLink::join(User& user) {
  // Its streams hear of its end before its owner does, and may ask again from inside.
  if (line_ != nullptr && line_->link().closed()) retire();
  if (line_ != nullptr) {
    riding_.push_back(user);
    return &line_->pipes();
  }
  const bool under_way = dialling_ != nullptr || connection_ != nullptr;
  if (!under_way && loop_.runtime().now() < rest_until_) return nullptr;
  waiting_.push_back(user);
  if (!under_way) dial();
  return nullptr;
}

LinkStats PeerLink::stats() const { return line_ == nullptr ? LinkStats{} : line_->link().stats(); }

bool PeerLink::is_unused() const {
  return waiting_.empty() && riding_.empty() && retired_.empty() && stats().streams == 0;
}

// ---- The dial -------------------------------------------------------------------------

void PeerLink::dial() {
  loop_.runtime().timers.arm_in(dial_time_, rules::peer_dial_time);
  const Result<Address> address = Address::parse_tcp(address_);
  // In a later turn, like any other failure.
  if (!address) return loop_.runtime().timers.arm_in(dial_time_, Duration::zero());
  dialling_ =
      dialer_.dial(*address, [this](Result<std::unique_ptr<Duplex>> connection) { on_dialled(std::move(connection)); });
}

void PeerLink::on_dialled(Result<std::unique_ptr<Duplex>> connection) {
  loop_.runtime().graveyard.bury(std::move(dialling_));
  if (!connection) return fail(connection.error());
  connection_ = *std::move(connection);
  connection_->set_handler(this);
  connection_->write(to_bytes(peer_handshake::request()));
}

void PeerLink::on_dial_time() {
  const bool dialled = dialling_ != nullptr || connection_ != nullptr;
  fail(dialled ? Error{ErrorKind::timeout, address_ + ": no answer in time"}
               : Error{ErrorKind::usage, "\"" + printable(address_) + "\" is no address of a replica"});
}

void PeerLink::on_data(Bytes bytes) {
  const std::size_t taken = reader_.feed(bytes);
  connection_->credit(taken);
  if (reader_.failed()) return fail({ErrorKind::protocol, address_ + ": no replica answers there"});
  if (!reader_.done()) return;
  if (peer_handshake::accepts(reader_.response())) return come_up(bytes.subspan(taken));
  fail({ErrorKind::refused, address_ + ": answered with status " + std::to_string(reader_.response().status)});
}

void PeerLink::on_end() { fail({ErrorKind::closed, address_ + ": the connection was closed"}); }

void PeerLink::on_closed(const Error& why) {
  fail({why ? why.kind : ErrorKind::closed, address_ + ": " + (why ? why.detail : "the connection was closed")});
}

void PeerLink::fail(const Error& why) {
  Runtime& runtime = loop_.runtime();
  runtime.timers.disarm(dial_time_);
  runtime.graveyard.bury(std::move(dialling_));
  if (connection_ != nullptr) connection_->reset(ErrorKind::cancelled);
  runtime.graveyard.bury(std::move(connection_));
  reader_.clear();
  failure_ = {why.kind, why.detail, Origin::peer};
  rest_until_ = runtime.now() + rules::peer_dial_rest;
  runtime.log.warn("peer-unreachable", {{"replica", to_string(replica_)}, {"reason", describe(failure_)}});
  while (User* user = waiting_.pop_front()) user->on_peer_failed(failure_);
}

// ---- The link -------------------------------------------------------------------------

void PeerLink::come_up(Bytes early) {
  Runtime& runtime = loop_.runtime();
  runtime.timers.disarm(dial_time_);
  reader_.clear();
  failure_ = {};
  line_ = std::make_unique<Line>(*this, std::move(connection_));
  runtime.log.info("peer-link-up", {{"replica", to_string(replica_)}, {"address", address_}});
  opened_ = 0;
  idle_looks_ = 0;
  runtime.timers.arm_in(look_, rules::peer_link_idle / looks);
  line_->start(early);
  while (line_ != nullptr) {
    User* user = waiting_.pop_front();
    if (user == nullptr) return;
    riding_.push_back(*user);
    user->on_peer_up(line_->pipes());
  }
}

void PeerLink::retire() {
  Line& line = *line_;
  retired_.push_back(std::move(line_));
  loop_.runtime().timers.disarm(look_);
  while (User* user = riding_.pop_front()) user->on_peer_lost();
  line.leave();
}

void PeerLink::on_line_closed(Line& line, const Error& why) {
  if (line_.get() == &line) retire();
  loop_.runtime().log.info("peer-link-down",
                           {{"replica", to_string(replica_)}, {"cause", to_string(why.kind)}, {"detail", why.detail}});
  const auto found =
      std::find_if(retired_.begin(), retired_.end(), [&](const auto& each) { return each.get() == &line; });
  loop_.runtime().graveyard.bury(std::move(*found));
  retired_.erase(found);
}

// Now and then: whether the link is of use, and good for more.
void PeerLink::look() {
  const LinkStats now = stats();
  const bool idle = now.streams == 0 && now.streams_opened == std::exchange(opened_, now.streams_opened);
  idle_looks_ = idle ? idle_looks_ + 1 : 0;
  if (idle_looks_ == looks || now.streams_opened >= rules::peer_link_streams) return retire();
  loop_.runtime().timers.arm_in(look_, rules::peer_link_idle / looks);
}

}  // namespace tenfold::broker
