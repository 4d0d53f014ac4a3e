// FakeNetwork: the agent's world in memory. A dial waits until the test answers it; what it
// gets is one end of a MemoryPipe, and the test has the other. Links run over such pipes, too.
//
//   FakeNetwork network(runtime);
//   … the agent dials …
//   Peer& broker = network.accept(0);         // the first dial
//   network.pump();
//   CHECK(broker.received == "GET /?new …");
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/targets/network.h"
#include "base/limits.h"
#include "mux/link_stream.h"
#include "support/memory_pipe.h"

namespace tenfold::test {

// The far end of a pipe, as a test looks at it.
class Peer final : public Duplex::Handler {
 public:
  explicit Peer(Runtime& runtime) : runtime_(runtime) {}

  std::string received;
  bool ended = false;
  bool closed = false;
  Error why;

  void attach(std::unique_ptr<Duplex> pipe) {
    pipe_ = std::move(pipe);
    pipe_->set_handler(this);
  }
  std::unique_ptr<Duplex> take_pipe() {
    pipe_->set_handler(nullptr);
    return std::move(pipe_);
  }
  void say(std::string_view text) { pipe_->write(to_bytes(text)); }
  void end() { pipe_->end(); }
  void cut() { pipe_->reset(ErrorKind::io); }
  void close() {
    end();
    runtime_.graveyard.bury(std::move(pipe_));
  }

  void on_data(Bytes bytes) override {
    received += to_text(bytes);
    pipe_->credit(bytes.size());
  }
  void on_end() override { ended = true; }
  void on_sent(std::size_t) override {}
  void on_closed(const Error& error) override {
    closed = true;
    why = error;
  }

 private:
  Runtime& runtime_;
  std::unique_ptr<Duplex> pipe_;
};

class PumpedLink;

struct Links {
  std::vector<PumpedLink*> running;
  std::vector<std::unique_ptr<Duplex>> ended;  // with last words that are still on their way
};

// A link over a pipe, flushed by hand.
class PumpedLink final : public DrivenLink, private Duplex::Handler, private Link::Handler, private Link::Output {
 public:
  PumpedLink(Runtime& runtime, std::unique_ptr<Duplex> pipe, Link::Role role, Link::Handler& handler, Links& links)
      : links_(links), handler_(handler), pipe_(std::move(pipe)), link_(runtime, role, LinkOptions{}, *this) {
    links_.running.push_back(this);
  }
  ~PumpedLink() override { std::erase(links_.running, this); }

  void start(Bytes early) override {
    pipe_->set_handler(this);
    if (!early.empty()) on_data(early);
  }
  Link& link() override { return link_; }

  bool flush() {
    if (pipe_ == nullptr) return false;
    std::vector<std::uint8_t> room(limits::flush_bulk);
    bool any = false;
    while (link_.take_output(room, *this) != 0) any = true;
    return any;
  }

 private:
  void on_data(Bytes bytes) override {
    link_.receive(bytes);
    if (pipe_ != nullptr) pipe_->credit(bytes.size());
  }
  void on_end() override { link_.end_of_input({ErrorKind::closed, "the other end"}); }
  void on_sent(std::size_t) override {}
  void on_closed(const Error& why) override { link_.end_of_input(why ? why : Error{ErrorKind::closed, "pipe"}); }

  void on_link_stream(std::unique_ptr<LinkStream> stream) override { handler_.on_link_stream(std::move(stream)); }
  void on_control(const control::ControlMessage& message) override { handler_.on_control(message); }
  void on_link_output() override {}
  void on_link_bytes(Bytes bytes) override { pipe_->write(bytes); }
  void on_link_draining() override { handler_.on_link_draining(); }
  void on_link_closed(const Error& why) override {
    flush();
    pipe_->end();
    pipe_->set_handler(nullptr);
    links_.ended.push_back(std::move(pipe_));
    handler_.on_link_closed(why);
  }

  Links& links_;
  Link::Handler& handler_;
  std::unique_ptr<Duplex> pipe_;
  Link link_;
};

class FakeNetwork final : public Network {
 public:
  explicit FakeNetwork(Runtime& runtime) : runtime_(runtime) {}

  struct Call {
    DialTo to;
    OnDialed on_dialed;
    bool answered = false;
    bool cancelled = false;

    bool waits() const { return !answered && !cancelled; }
    std::string address() const { return to_string(to.address); }
  };

  std::unique_ptr<Dialing> dial(const DialTo& to, OnDialed on_dialed) override {
    calls.push_back(std::make_unique<Call>(Call{to, std::move(on_dialed)}));
    return std::make_unique<Cancel>(*calls.back());
  }
  std::unique_ptr<DrivenLink> drive(std::unique_ptr<Duplex> transport, Link::Handler& handler) override {
    return drive_as(Link::Role::agent, std::move(transport), handler);
  }
  std::unique_ptr<DrivenLink> drive_as(Link::Role role, std::unique_ptr<Duplex> transport, Link::Handler& handler) {
    return std::make_unique<PumpedLink>(runtime_, std::move(transport), role, handler, links_);
  }

  // The number of dials that wait for an answer.
  std::size_t waiting() const {
    return static_cast<std::size_t>(
        std::count_if(calls.begin(), calls.end(), [](const auto& call) { return call->waits(); }));
  }
  // The oldest of them.
  Call& next() {
    for (const auto& call : calls) {
      if (call->waits()) return *call;
    }
    FAIL("no dial waits");
    std::abort();
  }

  // Answers the oldest dial that waits.
  Peer& accept(std::string peer_ip = "127.0.0.1") {
    Call& call = next();
    call.answered = true;
    pipes_.push_back(std::make_unique<MemoryPipe>(runtime_));
    peers_.push_back(std::make_unique<Peer>(runtime_));
    peers_.back()->attach(pipes_.back()->take_right());
    Peer& peer = *peers_.back();
    call.on_dialed(Dialed{pipes_.back()->take_left(), std::move(peer_ip)});
    runtime_.graveyard.clear();
    return peer;
  }
  void refuse(ErrorKind why = ErrorKind::refused) {
    Call& call = next();
    call.answered = true;
    call.on_dialed(Error{why, call.address()});
    runtime_.graveyard.clear();
  }

  void pump() {
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t i = 0; i < links_.running.size(); ++i) moved |= links_.running[i]->flush();
      runtime_.graveyard.clear();
      for (std::size_t i = 0; i < pipes_.size(); ++i) moved |= pipes_[i]->step();
      moved |= run_timers_due_now();
    }
  }

  std::vector<std::unique_ptr<Call>> calls;  // every dial ever

 private:
  class Cancel final : public Dialing {
   public:
    explicit Cancel(Call& call) : call_(call) {}
    ~Cancel() override { call_.cancelled = !call_.answered; }

   private:
    Call& call_;
  };

  bool run_timers_due_now() {
    if (runtime_.timers.next() > runtime_.now()) return false;
    runtime_.timers.run(runtime_.now());
    runtime_.graveyard.clear();
    return true;
  }

  Runtime& runtime_;
  std::vector<std::unique_ptr<MemoryPipe>> pipes_;
  std::vector<std::unique_ptr<Peer>> peers_;
  Links links_;
};

}  // namespace tenfold::test
