// The tunnels of an agent's link, how they are counted, and what Register may ask for; on a real loop, over a pipe in
// memory.
#include "broker/link/link_session.h"
#include "broker/tunnels/memory_registry.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "broker/admission/admission.h"
#include "broker/rules.h"
#include "io/link_driver.h"
#include "mux/link_stream.h"
#include "proto/control.pb.h"
#include "public_rig.h"
#include "some_tokens.h"
#include "support/memory_pipe.h"
#include "support/test_runtime.h"
#include "tunnels/wanting.h"

using namespace tenfold;
using namespace tenfold::broker;
using tenfold::broker::test::hashed_line;
using tenfold::broker::test::with_tokens;
using tenfold::test::MemoryPipe;
using tenfold::test::RecordingLog;
using tenfold::test::TestRuntime;

namespace {

constexpr const char* office = "203.0.113.1";

// A link with both its ends: the broker's session, and an agent that keeps what it is told.
class Linked final : private LinkSession::Owner, private Link::Handler {
 public:
  Linked(LinkSide& side, LinkGrant grant) : loop_(side.loop), pipe_(side.loop.runtime()) {
    LinkSession::Owner& owner = *this;
    session_ = std::make_unique<LinkSession>(side, owner, pipe_.take_left(), std::move(grant), "203.0.113.1:4000");
    Link::Handler& handler = *this;
    agent_ = std::make_unique<LinkDriver>(loop_, pipe_.take_right(), Link::Role::agent, LinkOptions{}, handler);
    session_->start({});
    agent_->start({});
    turn();
  }
  ~Linked() {
    session_ = nullptr;
    streams.clear();
    agent_ = nullptr;
    loop_.runtime().graveyard.clear();
  }

  // Until both ends have said what they have to say.
  void turn() {
    for (int i = 0; i < 10; ++i) {
      // From inside a turn, so that this one is whole.
      loop_.post([this] { loop_.post([this] { loop_.stop(); }); });
      loop_.run();
      pipe_.pump();
    }
  }
  // A good second's quiet: the link takes some more control messages.
  void rest() {
    struct Wake final : Timer {
      explicit Wake(Loop& l) : loop(l) {}
      void on_timer() override { loop.stop(); }
      Loop& loop;
    } wake(loop_);
    loop_.runtime().timers.arm_in(wake, 1100ms);
    loop_.run();
  }
  // The agent vanishes.
  void cut() {
    agent_ = nullptr;
    turn();
  }

  // What a Register is answered with.
  control::ControlMessage ask(const std::string& name, const std::string& token = {}) {
    heard.clear();
    control::ControlMessage message;
    message.mutable_register_()->set_request_id(7);
    message.mutable_register_()->set_name(name);
    message.mutable_register_()->set_kind("http");
    message.mutable_register_()->set_resume_token(token);
    agent_->link().send(message);
    turn();
    REQUIRE(heard.size() == 1);
    return heard[0];
  }
  // The same with a policy that allows one network.
  control::ControlMessage ask_guarded(const std::string& name, const std::string& allow) {
    heard.clear();
    control::ControlMessage message;
    control::Register& asked = *message.mutable_register_();
    asked.set_request_id(7);
    asked.set_name(name);
    asked.set_kind("http");
    asked.mutable_policy()->add_allow(allow);
    agent_->link().send(message);
    turn();
    REQUIRE(heard.size() == 1);
    return heard[0];
  }
  void flood(int times, const std::string& name) {
    heard.clear();
    control::ControlMessage message;
    message.mutable_register_()->set_request_id(7);
    message.mutable_register_()->set_name(name);
    message.mutable_register_()->set_kind("http");
    for (int i = 0; i < times; ++i) agent_->link().send(message);
    turn();
  }
  std::size_t revoke() {
    const std::size_t ended = session_->revoke();
    turn();
    return ended;
  }
  std::string refusal(const std::string& name, const std::string& token = {}) {
    return ask(name, token).refused().code();
  }
  void unregister(const std::string& name) {
    control::ControlMessage message;
    message.mutable_unregister()->set_name(name);
    agent_->link().send(message);
    turn();
  }

  // In one go, before an answer can have come.
  void ask_and_give_back(const std::string& name) {
    control::ControlMessage message;
    message.mutable_unregister()->set_name(name);
    ask_and(name, message);
  }
  void ask_and_leave(const std::string& name) {
    control::ControlMessage message;
    message.mutable_goodbye();
    ask_and(name, message);
  }

  // A Register, and behind it a GOAWAY.
  void ask_and_drain(const std::string& name) {
    control::ControlMessage message;
    message.mutable_register_()->set_request_id(7);
    message.mutable_register_()->set_name(name);
    message.mutable_register_()->set_kind("http");
    agent_->link().send(message);
    agent_->link().drain();
    turn();
  }

  std::vector<control::ControlMessage> heard;
  std::vector<std::unique_ptr<LinkStream>> streams;
  bool over = false;  // the broker's session

 private:
  void ask_and(const std::string& name, const control::ControlMessage& then) {
    control::ControlMessage message;
    message.mutable_register_()->set_request_id(7);
    message.mutable_register_()->set_name(name);
    message.mutable_register_()->set_kind("http");
    agent_->link().send(message);
    agent_->link().send(then);
    turn();
  }
  void on_link_session_closed(LinkSession&) override {
    over = true;
    loop_.runtime().graveyard.bury(std::move(session_));
  }
  void on_link_stream(std::unique_ptr<LinkStream> stream) override { streams.push_back(std::move(stream)); }
  void on_control(const control::ControlMessage& message) override { heard.push_back(message); }
  void on_link_output() override {}
  void on_link_draining() override {}
  void on_link_closed(const Error&) override {}

  Loop& loop_;
  MemoryPipe pipe_;
  std::unique_ptr<LinkSession> session_;
  std::unique_ptr<LinkDriver> agent_;
};

struct Sessions {
  explicit Sessions(AdmissionOptions options = {}) : admission(loop.runtime(), std::move(options)) {}

  // As OwnSite grants it. Without an instance the agent is known by its address.
  std::unique_ptr<Linked> link(const std::string& name, const std::string& instance, const std::string& ip = office,
                               const std::string& operators_token = "") {
    const Claimant who = make_claimant(operators_token, instance, ip);
    const Result<Claim> claim = names.claim({name, who});
    REQUIRE(claim);
    return std::make_unique<Linked>(side, LinkGrant{*claim, "https://" + name + ".example", who, ip, operators_token});
  }
  // Of a tunnel whose agent has that instance.
  std::string token_of(const std::string& name, const std::string& instance,
                       const std::string& operators_token = "") const {
    return tokens.seal(name, make_claimant(operators_token, instance, office), 1);
  }
  // How many tunnels the address may still have.
  std::size_t room(const std::string& ip = office) {
    std::size_t free = 0;
    while (admission.admit(ip) != handshake::Refusal::limit) {
      admission.refund(ip);
      admission.on_tunnel_up(ip);
      ++free;
    }
    for (std::size_t i = 0; i < free; ++i) admission.on_tunnel_down(ip);
    return free;
  }
  void use_up_the_rate() {
    while (admission.admit(office) == handshake::Refusal::none) {
    }
  }
  bool logged(const std::string& part) const {
    return std::any_of(log.lines.begin(), log.lines.end(),
                       [&](const std::string& line) { return line.find(part) != std::string::npos; });
  }

  RecordingLog log;
  Loop loop{log};
  TestRuntime rt;  // of tunnels without a link
  NameTable names{loop.runtime()};
  MemoryRegistry registry{loop.runtime(), names};
  Admission admission;
  std::int64_t day_seconds = 1'000'000;
  ResumeTokens tokens{{std::string(32, 'k')}, [this] { return day_seconds; }};
  LinkSide side{loop, registry, admission, tokens, "test"};
};

const std::string first_agent = "0123456789abcdef";
const std::string second_agent = "fedcba9876543210";
constexpr std::size_t most = rules::tunnels_per_ip;

}  // namespace

TEST_CASE("a tunnel counts for its address while its link lives") {
  Sessions sessions;
  CHECK(sessions.room() == most);
  const auto one = sessions.link("one-tunnel", first_agent);
  CHECK(sessions.room() == most - 1);
  CHECK(one->ask("two-tunnel").registered().name() == "two-tunnel");
  CHECK(sessions.room() == most - 2);
  one->unregister("two-tunnel");
  CHECK(sessions.room() == most - 1);
  one->cut();
  CHECK(one->over);
  CHECK(sessions.room() == most);
}

TEST_CASE("tunnels of a link with a token are counted for it, and have its names") {
  Sessions sessions(with_tokens(hashed_line("a", "s", "names=team-* tunnels=3") + "other b\n"));
  const auto one = sessions.link("team-one", first_agent, office, "a");
  CHECK(sessions.admission.tunnels_of("a") == 1);
  const control::ControlMessage other = one->ask("one-tunnel");
  CHECK(other.refused().code() == "forbidden");
  CHECK(other.refused().message() == "Your token does not allow this name. (it allows team-*)");
  CHECK(one->ask("team-two").registered().name() == "team-two");
  CHECK(one->ask("").registered().name().starts_with("team-"));
  CHECK(one->refusal("team-four") == "limit");
  CHECK(one->ask("team-one", sessions.token_of("team-one", first_agent, "a")).has_registered());
  CHECK(sessions.admission.tunnels_of("a") == 3);
  one->unregister("team-two");
  CHECK(one->ask("team-four").has_registered());
  CHECK(sessions.room() == most);
  one->cut();
  CHECK(sessions.admission.tunnels_of("a") == 0);
}

TEST_CASE("tunnels that a token asks for in one go are no more than it may have") {
  Sessions sessions(with_tokens(hashed_line("a", "s", "tunnels=3")));
  const auto one = sessions.link("one-tunnel", first_agent, office, "a");
  one->flood(6, "");
  CHECK(sessions.names.size() == 3);
  CHECK(one->heard.size() == 6);
}

TEST_CASE("a link whose token is not valid any more ends, and its names are free") {
  Sessions sessions(with_tokens("one a\n"));
  const auto one = sessions.link("one-tunnel", first_agent, office, "a");
  REQUIRE(one->ask("two-tunnel").has_registered());
  CHECK(one->revoke() == 2);
  CHECK(one->over);
  CHECK(sessions.names.find("one-tunnel").state == NameTable::State::unknown);
  CHECK(sessions.admission.tunnels_of("a") == 0);
  CHECK(sessions.logged("tunnel-down name=two-tunnel kind=mux cause=revoked"));
}

TEST_CASE("a link whose token is gone, or that was made before there were tokens, gets no further tunnel") {
  Sessions sessions(with_tokens("one a\n"));
  const auto one = sessions.link("one-tunnel", first_agent, office, "a");
  sessions.admission.apply(with_tokens("two b\n"));
  CHECK(one->refusal("two-tunnel") == "unauthorized");
  const auto open = sessions.link("two-tunnel", second_agent, "203.0.113.4");
  CHECK(open->refusal("three-tunnel") == "unauthorized");
}

TEST_CASE("a ghost that its agent has left behind counts no more, and takes nothing with it at its end") {
  Sessions sessions;
  const auto ghost = sessions.link("one-tunnel", first_agent);
  const auto second = sessions.link("one-tunnel", first_agent);
  CHECK(sessions.room() == most - 1);
  CHECK(sessions.logged("tunnel-down name=one-tunnel kind=mux cause=replaced"));
  const auto third = sessions.link("one-tunnel", first_agent);
  CHECK(sessions.room() == most - 1);
  SUBCASE("the ghost is found out") { ghost->cut(); }
  SUBCASE("the ghost gives the name back that it had") { ghost->unregister("one-tunnel"); }
  SUBCASE("both are found out") {
    second->cut();
    ghost->cut();
  }
  CHECK(sessions.room() == most - 1);
  CHECK(sessions.names.find("one-tunnel").state == NameTable::State::here);
  third->cut();
  CHECK(sessions.room() == most);
}

TEST_CASE("a ghost at one address and its agent at another: each address counts its own") {
  Sessions sessions;
  const auto ghost = sessions.link("one-tunnel", first_agent, "198.51.100.1");
  CHECK(sessions.room("198.51.100.1") == most - 1);
  const auto second = sessions.link("one-tunnel", first_agent, office);
  CHECK(sessions.room("198.51.100.1") == most);
  CHECK(sessions.room(office) == most - 1);
  ghost->cut();
  CHECK(sessions.room(office) == most - 1);
  second->cut();
  CHECK(sessions.room(office) == most);
}

TEST_CASE("an agent whose name goes to another one of the same owner is told, and one that comes back is not") {
  Sessions sessions;
  const auto one = sessions.link("one-tunnel", first_agent);
  one->heard.clear();
  SUBCASE("another one") {
    Claimant who = make_claimant("", first_agent, office);
    who.instance = second_agent;
    sessions.names.attach(*sessions.names.claim({"one-tunnel", who}),
                          std::make_shared<broker::test::TestTunnel>(sessions.rt, "one-tunnel"));
    one->turn();
    REQUIRE(one->heard.size() == 1);
    CHECK(one->heard[0].unregistered().name() == "one-tunnel");
    CHECK(one->heard[0].unregistered().code() == "replaced");
  }
  SUBCASE("itself") {
    const auto again = sessions.link("one-tunnel", first_agent);
    one->turn();
    CHECK(one->heard.empty());
  }
}

TEST_CASE("a resume token is renewed while its link stands, and the new one opens the name") {
  Sessions sessions;
  sessions.side.tokens_renewed_every = 10ms;
  const auto one = sessions.link("one-tunnel", first_agent);
  const auto second = one->ask("two-tunnel").registered();
  one->heard.clear();
  sessions.day_seconds += 3600;
  one->rest();
  one->turn();
  REQUIRE(one->heard.size() >= 2);
  for (const char* name : {"one-tunnel", "two-tunnel"}) {
    const auto renewed = std::find_if(one->heard.begin(), one->heard.end(),
                                      [&](const auto& message) { return message.registered().name() == name; });
    REQUIRE(renewed != one->heard.end());
    CHECK(renewed->registered().request_id() == 0);
    CHECK(renewed->registered().urls_size() == 1);
    CHECK(sessions.tokens.open(renewed->registered().resume_token(), name));
  }
  CHECK(one->heard.back().registered().resume_token() != second.resume_token());
}

TEST_CASE("a name that its own link asks for again counts once") {
  Sessions sessions;
  const auto one = sessions.link("one-tunnel", first_agent);
  for (int i = 0; i < 5; ++i) CHECK(one->ask("one-tunnel").has_registered());
  CHECK(sessions.room() == most - 1);
  one->cut();
  CHECK(sessions.room() == most);
}

TEST_CASE("Register with a valid resume token passes the limits and is not charged") {
  Sessions sessions;
  const auto ghost = sessions.link("one-tunnel", first_agent);
  const auto other = sessions.link("two-tunnel", second_agent);
  SUBCASE("at the limit of the rate") {
    sessions.use_up_the_rate();
    CHECK(other->refusal("") == "rate");
    CHECK(other->refusal("one-tunnel", sessions.token_of("two-tunnel", second_agent)) == "rate");
  }
  SUBCASE("at the limit of the number") {
    for (std::size_t i = 2; i < most; ++i) sessions.admission.on_tunnel_up(office);
    CHECK(other->refusal("") == "limit");
    CHECK(other->refusal("one-tunnel", sessions.token_of("two-tunnel", second_agent)) == "limit");
  }
  for (int i = 0; i < 20; ++i) {
    CHECK(other->ask("one-tunnel", sessions.token_of("one-tunnel", first_agent)).has_registered());
  }
  CHECK(other->ask("two-tunnel", sessions.token_of("two-tunnel", second_agent)).registered().name() == "two-tunnel");
}

TEST_CASE("Register that is refused for another reason than a limit is not charged") {
  Sessions sessions;
  const auto one = sessions.link("one-tunnel", first_agent);
  const auto other = sessions.link("two-tunnel", second_agent);
  for (int i = 0; i < 30; ++i) {
    CHECK(other->refusal("one-tunnel") == "name-taken");
    CHECK(other->refusal("one-tunnel", sessions.token_of("two-tunnel", second_agent)) == "name-taken");
    CHECK(other->refusal("No_Name") == "bad-name");
  }
  other->rest();
  for (std::size_t i = 0; i < rules::creates_per_ip - 2; ++i) CHECK(other->ask("").has_registered());
  CHECK(other->refusal("") == "limit");
}

TEST_CASE("a link with as many tunnels as it may have still takes back one of its own") {
  AdmissionOptions options;
  options.tunnels_per_ip = options.creates_per_ip = 2 * limits::tunnels_per_link;
  Sessions sessions(options);
  const auto one = sessions.link("one-tunnel", first_agent);
  for (std::size_t i = 1; i < limits::tunnels_per_link; ++i) REQUIRE(one->ask("").has_registered());
  one->rest();
  CHECK(one->refusal("") == "limit");
  CHECK(one->ask("one-tunnel", sessions.token_of("one-tunnel", first_agent)).has_registered());
  CHECK(one->refusal("") == "limit");
}

TEST_CASE("tunnels that a link asks for in one go are no more than it may have") {
  AdmissionOptions options;
  SUBCASE("of its address") {
    options.tunnels_per_ip = 3;
    Sessions sessions(options);
    const auto one = sessions.link("one-tunnel", first_agent);
    one->flood(6, "");
    CHECK(sessions.names.size() == 3);
    CHECK(one->heard.size() == 6);
    // Only what came of it is charged.
    for (std::size_t i = 0; i < 2; ++i) sessions.admission.on_tunnel_down(office);
    std::size_t more = 0;
    while (sessions.admission.admit(office) == handshake::Refusal::none) ++more;
    CHECK(more == rules::creates_per_ip - 2);
  }
  SUBCASE("of its own") {
    options.tunnels_per_ip = options.creates_per_ip = 2 * limits::tunnels_per_link;
    Sessions sessions(options);
    const auto one = sessions.link("one-tunnel", first_agent);
    for (std::size_t i = 1; i < limits::tunnels_per_link - 1; ++i) REQUIRE(one->ask("").has_registered());
    one->rest();
    one->flood(6, "");
    CHECK(sessions.names.size() == limits::tunnels_per_link);
  }
}

TEST_CASE("a name that is given back before it was granted is not granted any more") {
  Sessions sessions;
  const auto one = sessions.link("one-tunnel", first_agent);
  SUBCASE("by Unregister") {
    one->ask_and_give_back("two-tunnel");
    CHECK_FALSE(one->over);
    CHECK(sessions.room() == most - 1);
  }
  SUBCASE("by Goodbye") {
    one->ask_and_leave("two-tunnel");
    CHECK(sessions.room() == most);
  }
  CHECK(sessions.names.find("two-tunnel").state == NameTable::State::unknown);
}

TEST_CASE("a link that takes no new stream gets no new tunnel") {
  Sessions sessions;
  const auto one = sessions.link("one-tunnel", first_agent);
  broker::test::Wanting visitor;
  sessions.names.find("one-tunnel").tunnel->open(visitor);
  REQUIRE(visitor.upstream);
  visitor.upstream->write(to_bytes("hello"));
  one->turn();
  REQUIRE(one->streams.size() == 1);
  one->heard.clear();
  one->ask_and_drain("two-tunnel");
  CHECK_FALSE(one->over);
  CHECK(sessions.names.find("two-tunnel").state == NameTable::State::unknown);
  REQUIRE(one->heard.size() == 1);
  CHECK(one->heard[0].refused().code() == "draining");
  visitor.upstream.drop(ErrorKind::cancelled);
}

TEST_CASE("a link that asks for a taken name without end is ended, and its tunnel is held for its agent") {
  Sessions sessions;
  const auto one = sessions.link("one-tunnel", first_agent);
  const auto other = sessions.link("two-tunnel", second_agent, "203.0.113.2");
  other->flood(1000, "one-tunnel");
  CHECK(other->over);
  CHECK(other->heard.size() < 200);
  CHECK(sessions.logged("link-fault reason=too many control messages code=ENHANCE_YOUR_CALM"));
  CHECK(sessions.names.find("two-tunnel").state == NameTable::State::away);
  CHECK(sessions.names.find("one-tunnel").state == NameTable::State::here);
}

TEST_CASE("a Register's policy stands beside the name, and Registered says that it is held to") {
  Sessions sessions;
  const auto one = sessions.link("one-tunnel", first_agent);
  const control::ControlMessage guarded = one->ask_guarded("two-tunnel", "10.0.0.0/8");
  REQUIRE(guarded.registered().held_size() == 1);
  CHECK(guarded.registered().held(0) == "policy");
  const auto policy = sessions.names.find("two-tunnel").policy;
  REQUIRE(policy != nullptr);
  CHECK(policy->lets_in("10.1.2.3"));
  CHECK_FALSE(policy->lets_in("192.0.2.1"));
  CHECK(one->ask("three-tunnel").registered().held_size() == 0);
  CHECK(sessions.names.find("three-tunnel").policy == nullptr);
}

TEST_CASE("a policy that cannot be read is refused by what is wrong with it, and takes no name") {
  Sessions sessions;
  const auto one = sessions.link("one-tunnel", first_agent);
  const control::ControlMessage refused = one->ask_guarded("two-tunnel", "everywhere");
  CHECK(refused.refused().code() == "bad-request");
  CHECK(refused.refused().message().find("everywhere") != std::string::npos);
  CHECK(sessions.names.find("two-tunnel").state == NameTable::State::unknown);
}

TEST_CASE("a tunnel that the operator ends leaves its link, which keeps the others") {
  Sessions sessions;
  const auto one = sessions.link("one-tunnel", first_agent);
  CHECK(one->ask("two-tunnel").has_registered());
  one->heard.clear();
  for (const auto& tunnel : sessions.names.tunnels_of("one-tunnel")) tunnel->end_by_operator("killed");
  one->turn();
  REQUIRE(one->heard.size() == 1);
  CHECK(one->heard[0].unregistered().name() == "one-tunnel");
  CHECK(one->heard[0].unregistered().code() == "killed");
  CHECK(sessions.logged("tunnel-down name=one-tunnel kind=mux cause=killed"));
  CHECK(sessions.names.find("one-tunnel").state == NameTable::State::unknown);
  CHECK(sessions.names.find("two-tunnel").state == NameTable::State::here);
  CHECK(sessions.room() == most - 1);
  CHECK_FALSE(one->over);
}

TEST_CASE("a banned name is refused on a link, and counted") {
  Sessions sessions;
  const auto one = sessions.link("one-tunnel", first_agent);
  CHECK(sessions.admission.ban("two-tunnel", 60s));
  CHECK(one->ask("two-tunnel").refused().code() == "banned");
  CHECK(sessions.admission.refusals().of(handshake::Refusal::banned) == 1);
  CHECK(one->ask("three-tunnel").has_registered());
}
