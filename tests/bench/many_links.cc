// An agent of many tunnels and no app: LINKS links to one broker, NAMES tunnels on each, every request answered
// on the spot with a body of BODY bytes. So a broker can be measured with thousands of tunnels, and what is measured
// is the broker.
//
//   bench_many_links BROKER_IP PORT CA_FILE LINKS NAMES BODY [TOKEN]
//
// The tunnels are called tLINK-NAME, from t0000-00 on. With TOKEN they belong to it, and each has rules for its
// visitors: two networks and a login. Prints "ready" when all of them stand; runs until it is stopped.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "agent/links/broker_side.h"
#include "agent/links/handshake_call.h"
#include "agent/rules.h"
#include "agent/targets/socket_network.h"
#include "http1/head_reader.h"
#include "http1/head_writer.h"
#include "io/line_output.h"
#include "io/log_sink.h"
#include "io/loop.h"
#include "mux/link_stream.h"
#include "proto/control.pb.h"

namespace tenfold::bench {
namespace {

// Handshakes: more would only wait for each other. With 100 tunnels each they are 800 claims, of the 4,096 commands
// that a replica sends its registry at once; beyond that it refuses.
constexpr std::size_t dialled_at_once = 8;

[[noreturn]] void give_up(std::string_view what) {
  std::fprintf(stderr, "many_links: %.*s\n", static_cast<int>(what.size()), what.data());
  std::_Exit(1);
}

std::string tunnel_name(std::size_t link, std::size_t name) {
  char text[32];
  std::snprintf(text, sizeof text, "t%04zu-%02zu", link, name);
  return text;
}

// One stream: each request on it gets the same answer.
class Answerer final : private Duplex::Handler {
 public:
  Answerer(std::unique_ptr<LinkStream> stream, const std::string& answer,
           std::unordered_map<Answerer*, std::unique_ptr<Answerer>>& all, Runtime& runtime)
      : stream_(std::move(stream)), answer_(answer), all_(all), runtime_(runtime) {}

  void start() {
    stream_->set_handler(this);
    stream_->accept();
  }

 private:
  void on_data(Bytes bytes) override {
    stream_->credit(bytes.size());
    while (!bytes.empty()) {
      bytes = bytes.subspan(head_.feed(bytes));
      if (head_.failed()) give_up("a request that is none");
      if (!head_.done()) continue;
      head_.clear();
      stream_->write(to_bytes(answer_));
    }
  }
  void on_end() override { stream_->end(); }
  void on_sent(std::size_t) override {}
  void on_closed(const Error&) override {
    auto own = all_.extract(this);
    runtime_.graveyard.bury(std::move(own.mapped()));
  }

  std::unique_ptr<LinkStream> stream_;
  const std::string& answer_;
  std::unordered_map<Answerer*, std::unique_ptr<Answerer>>& all_;
  Runtime& runtime_;
  http1::HeadReader head_{http1::HeadReader::Kind::request};
};

struct Plan {
  Address broker;
  std::shared_ptr<TlsContext> tls;
  std::size_t links = 0;
  std::size_t names = 0;  // on each link
  std::string answer;
  std::string token;  // empty: none, and no rules
};

void add_rules(control::Register& message) {
  control::VisitorPolicy& policy = *message.mutable_policy();
  policy.add_allow("127.0.0.0/8");
  policy.add_allow("2001:db8::/32");
  control::Login& login = *policy.add_logins();
  login.set_user("visitor");
  login.set_salt(std::string(16, 's'));
  login.set_hash(std::string(32, 'h'));
}

// One link and its tunnels.
class Agent final : private HandshakeCall::Owner, private Link::Handler {
 public:
  class Owner {
   public:
    virtual void on_all_registered() = 0;

   protected:
    ~Owner() = default;
  };

  Agent(const Plan& plan, std::size_t number, Runtime& runtime, Network& network, Owner& owner)
      : plan_(plan), number_(number), runtime_(runtime), network_(network), owner_(owner) {
    HandshakeCall::Owner& of_call = *this;
    call_ = std::make_unique<HandshakeCall>(
        runtime, network, DialTo{plan.broker, plan.tls, plan.broker.host, rules::dial_time, DialFor::link},
        HandshakeRequest{.host = to_string(plan.broker),
                         .name = tunnel_name(number, 0),
                         .token = plan.token,
                         .resume_token = {},
                         .instance = "bench-many-links-" + std::to_string(number)},
        of_call);
  }

 private:
  void on_handshake_silent(HandshakeCall&) override {}  // the deadline of the call will do
  void on_handshake_done(HandshakeCall&, HandshakeOutcome outcome) override {
    runtime_.graveyard.bury(std::move(call_));
    if (outcome.next != handshake::Next::link)
      give_up("no link: " + (outcome.why ? describe(outcome.why) : reason(outcome.answer)));
    Link::Handler& of_link = *this;
    link_ = network_.drive(std::move(outcome.pipe), of_link);
    link_->start(outcome.early);
    // The handshake's tunnel has no rules, and comes again with them.
    if (!plan_.token.empty()) {
      control::ControlMessage message;
      message.mutable_unregister()->set_name(tunnel_name(number_, 0));
      link_->link().send(message);
    }
    for (std::size_t i = plan_.token.empty() ? 1 : 0; i < plan_.names; ++i) ask_for(i);
  }

  void ask_for(std::size_t name) {
    control::ControlMessage message;
    control::Register& asked = *message.mutable_register_();
    asked.set_request_id(static_cast<std::uint32_t>(name + 1));
    asked.set_name(tunnel_name(number_, name));
    asked.set_kind("http");
    if (!plan_.token.empty()) add_rules(asked);
    link_->link().send(message);
  }

  void on_link_stream(std::unique_ptr<LinkStream> stream) override {
    auto answerer = std::make_unique<Answerer>(std::move(stream), plan_.answer, streams_, runtime_);
    Answerer& one = *answerer;
    streams_.emplace(&one, std::move(answerer));
    one.start();
  }
  void on_control(const control::ControlMessage& message) override {
    if (message.has_refused()) give_up("refused: " + message.refused().message());
    if (!message.has_registered()) return;
    if (!plan_.token.empty()) {
      if (message.registered().request_id() == 0) return;
      if (message.registered().held_size() == 0) give_up("a tunnel without its rules");
    }
    if (++registered_ == plan_.names) owner_.on_all_registered();
  }
  void on_link_output() override {}
  void on_link_draining() override {}
  void on_link_closed(const Error& why) override { give_up("a link was lost: " + describe(why)); }

  const Plan& plan_;
  const std::size_t number_;
  Runtime& runtime_;
  Network& network_;
  Owner& owner_;
  std::unordered_map<Answerer*, std::unique_ptr<Answerer>> streams_;
  std::unique_ptr<HandshakeCall> call_;
  std::unique_ptr<DrivenLink> link_;
  std::size_t registered_ = 0;
};

class Fleet final : private Agent::Owner {
 public:
  Fleet(const Plan& plan, Loop& loop) : plan_(plan), runtime_(loop.runtime()), network_(loop) {
    while (agents_.size() < std::min(plan.links, dialled_at_once)) dial();
  }

 private:
  void dial() {
    Agent::Owner& owner = *this;
    agents_.push_back(std::make_unique<Agent>(plan_, agents_.size(), runtime_, network_, owner));
  }
  void on_all_registered() override {
    if (agents_.size() < plan_.links) dial();
    if (++ready_ < plan_.links) return;
    std::puts("ready");
    std::fflush(stdout);
  }

  const Plan& plan_;
  Runtime& runtime_;
  SocketNetwork network_;
  std::vector<std::unique_ptr<Agent>> agents_;
  std::size_t ready_ = 0;
};

int run(char** arguments) {
  Plan plan;
  plan.broker = {arguments[1], static_cast<std::uint16_t>(std::atoi(arguments[2]))};
  Result<std::shared_ptr<TlsContext>> tls = TlsContext::client({.ca_file = arguments[3]});
  if (!tls) give_up(describe(tls.error()));
  plan.tls = *tls;
  plan.links = static_cast<std::size_t>(std::atol(arguments[4]));
  plan.names = static_cast<std::size_t>(std::atol(arguments[5]));
  const auto body = static_cast<std::size_t>(std::atol(arguments[6]));
  if (arguments[7] != nullptr) plan.token = arguments[7];
  http1::HeadWriter head(plan.answer);
  head.status_line(200, {});
  head.field("Content-Type", "application/octet-stream");
  head.field("Content-Length", body);
  head.end();
  plan.answer.append(body, 'x');

  LineOutput lines(STDERR_FILENO, dropped_log_line(LogFormat::text, STDERR_FILENO));
  const std::unique_ptr<Log> log = make_log_sink(lines, LogFormat::text, LogLevel::warn);
  Loop loop(*log);
  const Fleet fleet(plan, loop);
  loop.run();
  return 0;
}

}  // namespace
}  // namespace tenfold::bench

int main(int count, char** arguments) {
  if (count != 7 && count != 8) {
    std::fputs("usage: bench_many_links BROKER_IP PORT CA_FILE LINKS NAMES BODY [TOKEN]\n", stderr);
    return 2;
  }
  return tenfold::bench::run(arguments);
}
