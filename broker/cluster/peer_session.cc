#include "broker/cluster/peer_session.h"

#include <chrono>
#include <utility>
#include <vector>

#include "broker/cluster/peer_handshake.h"
#include "broker/rules.h"
#include "broker/tunnels/tunnel.h"
#include "mux/link_stream.h"
#include "proto/control.pb.h"
#include "splice.h"

namespace tenfold::broker {

class PeerSession::Carried final : private Opening, private Splice::Owner {
 public:
  Carried(PeerSession& session, std::unique_ptr<LinkStream> stream)
      : session_(session), waiting_(std::move(stream)), stream_(*waiting_) {}

  void start() {
    const NameTable::Found found = session_.side_.names.find(stream_.name());
    if (found.state != NameTable::State::here) return refuse(ErrorKind::absent);
    if (policy_version(found.policy.get()) != stream_.policy()) return refuse(ErrorKind::denied);
    found.tunnel->open(*this);
  }

  bool is_of(std::string_view name) const { return stream_.name() == name; }
  bool is_stale(std::string_view name, std::uint64_t version) const {
    return is_of(name) && stream_.policy() != version;
  }
  // Whether no byte of a request has come.
  bool is_unused() const { return splice_ == nullptr || splice_->carried_from_left() == 0; }

  // The other replica looks the name up again.
  void cut() {
    if (splice_ == nullptr) return refuse(ErrorKind::denied);
    splice_->reset(is_unused() ? ErrorKind::denied : ErrorKind::closed);
    session_.end(*this);
  }

 private:
  std::string_view opening_peer() const override { return stream_.peer(); }
  // More than one request may follow on it.
  bool opening_wants_fresh() const override { return true; }

  void on_open(Upstream upstream) override {
    loan_ = std::move(upstream);
    // The other replica hears with the answer why the app was not reached.
    waiting_->answer_lazily();
    Splice::Owner& owner = *this;
    splice_ = std::make_unique<Splice>(session_.side_.loop.runtime(), std::move(waiting_), loan_.take_pipe(), owner);
    splice_->start();
  }

  void on_open_failed(const Error& why) override {
    refuse(why.kind == ErrorKind::limit ? ErrorKind::limit : ErrorKind::absent);
  }

  void on_evicted() override {
    if (splice_ == nullptr) return refuse(ErrorKind::limit);
    splice_->reset(ErrorKind::cancelled);
    session_.end(*this);
  }

  void on_splice_done(Splice&, const Error&) override { session_.end(*this); }

  // The other replica could not tell it from a cut by the app.
  void on_splice_cut(const Error& why) override {
    const bool lost = why && why.kind != ErrorKind::unbegun && loan_.agent_gone();
    if (lost && !stream_.answered()) stream_.refuse(ErrorKind::silent);
  }

  void refuse(ErrorKind cause) {
    withdraw();
    waiting_->refuse(cause);
    session_.end(*this);
  }

  PeerSession& session_;
  std::unique_ptr<LinkStream> waiting_;  // for its pipe
  LinkStream& stream_;                   // that one, or the splice's left
  Upstream loan_;                        // the splice owns its pipe
  std::unique_ptr<Splice> splice_;
};

PeerSession::PeerSession(const Side& side, Owner& owner, std::unique_ptr<Duplex> connection, std::string from)
    : side_(side), owner_(owner), from_(std::move(from)), connection_(std::move(connection)) {}

PeerSession::~PeerSession() = default;

void PeerSession::start() {
  side_.loop.runtime().timers.arm_in(deadline_, rules::peer_handshake_time);
  connection_->set_handler(this);
}

// ---- The handshake --------------------------------------------------------------------

void PeerSession::on_data(Bytes bytes) {
  if (refused_) return connection_->credit(bytes.size());
  const std::size_t taken = reader_.feed(bytes);
  connection_->credit(taken);
  bytes = bytes.subspan(taken);
  if (reader_.done() && peer_handshake::asks(reader_.request())) return become_link(bytes);
  if (!reader_.done() && !reader_.failed()) return;
  connection_->credit(bytes.size());
  refuse("not the request of a replica");
}

void PeerSession::become_link(Bytes early) {
  side_.loop.runtime().timers.disarm(deadline_);
  connection_->write(to_bytes(peer_handshake::acceptance()));
  Link::Handler& handler = *this;
  driver_ = std::make_unique<LinkDriver>(side_.loop, std::move(connection_), Link::Role::agent,
                                         peer_handshake::link_options(), handler);
  side_.loop.runtime().log.info("peer-up", {{"from", from_}});
  control::ControlMessage message;
  control::Welcome& welcome = *message.mutable_welcome();
  welcome.set_version(1);
  welcome.set_server_id(side_.server_id);
  welcome.set_max_streams(rules::peer_streams);
  driver_->link().send(message);
  driver_->start(early);
}

// Says so, and waits for the end of the connection, so that a reset does not overtake the answer.
void PeerSession::refuse(std::string_view reason) {
  refused_ = true;
  side_.loop.runtime().log.warn("peer-refused", {{"from", from_}, {"reason", reason}});
  connection_->write(to_bytes(peer_handshake::refusal()));
  connection_->end();
  side_.loop.runtime().timers.arm_in(deadline_, limits::linger_time);
}

void PeerSession::on_end() {
  if (!refused_) on_closed({ErrorKind::closed, "it ended before its request"});
}

void PeerSession::on_closed(const Error& why) {
  if (!refused_) {
    const LogLevel level = why.kind == ErrorKind::tls ? LogLevel::warn : LogLevel::info;
    side_.loop.runtime().log.at(level, "peer-refused", {{"from", from_}, {"reason", why.detail}});
  }
  side_.loop.runtime().timers.disarm(deadline_);
  owner_.on_peer_session_closed(*this);
}

void PeerSession::on_deadline() { on_closed({ErrorKind::timeout, "no request in time"}); }

// ---- The link -------------------------------------------------------------------------

void PeerSession::on_link_stream(std::unique_ptr<LinkStream> stream) {
  auto carried = std::make_unique<Carried>(*this, std::move(stream));
  Carried& started = *carried;
  carried_[&started] = std::move(carried);
  started.start();
}

void PeerSession::on_control(const control::ControlMessage& message) {
  if (message.has_welcome()) {
    side_.loop.runtime().log.info("peer-greeted", {{"from", from_}, {"replica", message.welcome().server_id()}});
  }
}

void PeerSession::on_link_closed(const Error& why) {
  side_.loop.runtime().log.info("peer-down", {{"from", from_}, {"cause", to_string(why.kind)}, {"detail", why.detail}});
  owner_.on_peer_session_closed(*this);
}

void PeerSession::announce_drain(Duration deadline) {
  if (driver_ == nullptr) return;
  control::ControlMessage message;
  message.mutable_drain()->set_deadline_ms(
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(deadline).count()));
  driver_->link().send(message);
}

void PeerSession::cut_stale(std::string_view name, std::uint64_t version, bool strict) {
  cut_if([&](const Carried& carried) { return carried.is_stale(name, version) && (strict || carried.is_unused()); });
}

void PeerSession::cut_streams_of(std::string_view name) {
  cut_if([&](const Carried& carried) { return carried.is_of(name); });
}

template <typename Condition>
void PeerSession::cut_if(Condition condition) {
  std::vector<Carried*> cut;
  for (const auto& [carried, owned] : carried_) {
    if (condition(*carried)) cut.push_back(carried);
  }
  // The pipe that one leaves may go to the next, which may end by itself.
  for (Carried* carried : cut) {
    if (carried_.contains(carried)) carried->cut();
  }
}

// It is in the middle of its own event.
void PeerSession::end(Carried& carried) {
  const auto found = carried_.find(&carried);
  if (found == carried_.end()) return;
  side_.loop.runtime().graveyard.bury(std::move(found->second));
  carried_.erase(found);
}

}  // namespace tenfold::broker
