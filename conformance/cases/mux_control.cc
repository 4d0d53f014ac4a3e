// The control stream of a server, and a link's lifetime: PING, resume, drain, GOAWAY. docs/PROTOCOL.md, "Control" and
// "Life".
#include <signal.h>

#include <thread>

#include "conformance/cases/agent_link.h"
#include "conformance/cases/server_cases.h"

namespace tenfold::conformance {
namespace {

control::ControlMessage register_message(std::uint32_t id, const std::string& name, const std::string& kind = "http") {
  control::ControlMessage message;
  message.mutable_register_()->set_request_id(id);
  message.mutable_register_()->set_name(name);
  message.mutable_register_()->set_kind(kind);
  return message;
}

// The first message that satisfies the condition; others are skipped.
control::ControlMessage next_of(AgentLink& link, const std::function<bool(const control::ControlMessage&)>& wanted) {
  const Deadline deadline = in(patience);
  for (;;) {
    control::ControlMessage message = link.peer->next_control(deadline);
    if (wanted(message)) return message;
  }
}
bool verdict(const control::ControlMessage& message) { return message.has_registered() || message.has_refused(); }

void registrations(ServerSuite& suite) {
  constexpr const char* where = "PROTOCOL Control";
  suite.add({"mux/control/register", Level::must, "Register gives another tunnel on the same link", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              const std::string name = target.fresh_name();
              link.peer->send_control(register_message(7, name));
              const auto registered = next_of(link, verdict);
              REQUIRE(registered.has_registered());
              REQUIRE(registered.registered().request_id() == 7);
              REQUIRE(registered.registered().name() == name);
              Http visitor = target.visit();
              visitor.send(request("GET", "/second", target.host_of(name)));
              const AgentLink::Asked asked = link.take_request();
              REQUIRE(link.peer->stream(asked.stream).field(":authority") == name);
              link.peer->send_data(asked.stream, answer(200, "second"));
              REQUIRE(visitor.read_answer().body == "second");
              link.expect_works();
            });
  suite.add({"mux/control/register-any", Level::must, "Register without a name gives one", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              link.peer->send_control(register_message(8, ""));
              const auto registered = next_of(link, verdict);
              REQUIRE(registered.has_registered());
              REQUIRE(!registered.registered().name().empty());
              REQUIRE(registered.registered().name() != link.name);
            });
  const std::vector<std::pair<const char*, const char*>> refused = {{"taken", "name-taken"}, {"bad-name", "bad-name"}};
  for (const auto& [id, code] : refused) {
    suite.add({std::string("mux/control/register-") + id, Level::must,
               std::string("Register of a name that is ") + id + ": Refused " + code + ", and the link goes on", where},
              [code = std::string(code)](ServerTarget& target) {
                AgentLink link(target);
                AgentLink other(target, {.address = 1});
                link.peer->send_control(register_message(9, code == "bad-name" ? "Bad_Name" : other.name));
                const auto message = next_of(link, verdict);
                REQUIRE(message.has_refused());
                REQUIRE(message.refused().request_id() == 9);
                REQUIRE(message.refused().code() == code);
                link.expect_works();
              });
  }
  suite.add({"mux/control/register-kind", Level::must, "Register of an unknown kind is Refused", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              link.peer->send_control(register_message(10, "", "carrier-pigeon"));
              REQUIRE(next_of(link, verdict).has_refused());
              link.expect_works();
            });
  suite.add({"mux/control/unregister", Level::must, "Unregister ends one tunnel, not the link", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              const std::string name = target.fresh_name();
              link.peer->send_control(register_message(11, name));
              REQUIRE(next_of(link, verdict).has_registered());
              control::ControlMessage message;
              message.mutable_unregister()->set_name(name);
              link.peer->send_control(message);
              link.peer->ping();
              const int status = target.ask("GET", "/", target.host_of(name)).status;
              REQUIRE((status == 404 || status == 503));
              link.expect_works();
            });
  suite.add({"mux/control/goodbye", Level::must, "Goodbye frees the name at once, for anybody", where},
            [](ServerTarget& target) {
              AgentLink link(target, {.name = target.fresh_name()});
              control::ControlMessage message;
              message.mutable_goodbye()->set_reason("done");
              link.peer->send_control(message);
              link.peer->settle(200ms);
              AgentLink next(target, {.name = link.name, .address = 1});
              REQUIRE(next.name == link.name);
              next.expect_works();
            });
}

void framing(ServerSuite& suite) {
  constexpr const char* where = "PROTOCOL Control";
  suite.add({"mux/control/unknown-kind", Level::must, "a message of a kind that nobody knows is skipped", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              link.peer->send_data(1, control_wire("\xca\x3e\x03"
                                                   "abc"));  // field 1001, length 3
              link.expect_works();
            });
  suite.add({"mux/control/unknown-field", Level::must, "fields that nobody knows are skipped", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              const std::string hello = register_message(12, "").register_().SerializeAsString() +
                                        "\xca\x3e\x03"
                                        "abc";
              link.peer->send_data(1, control_wire(std::string("\x8a\x01") + varint(hello.size()) + hello));
              REQUIRE(next_of(link, verdict).registered().request_id() == 12);
            });
  suite.add({"mux/control/empty", Level::must, "an empty message is skipped", where}, [](ServerTarget& target) {
    AgentLink link(target);
    link.peer->send_data(1, std::string(3, '\0'));
    link.expect_works();
  });
  suite.add({"mux/control/bytewise", Level::must, "a message in DATA frames of one byte each is one message", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              for (const char c : control_wire(register_message(13, "").SerializeAsString())) {
                link.peer->send_data(1, std::string(1, c));
              }
              REQUIRE(next_of(link, verdict).registered().request_id() == 13);
            });
  suite.add({"mux/control/together", Level::must, "three messages in one DATA frame are three", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              std::string all;
              for (std::uint32_t id = 20; id < 23; ++id)
                all += control_wire(register_message(id, "Bad_Name").SerializeAsString());
              link.peer->send_data(1, all);
              for (std::uint32_t id = 20; id < 23; ++id) REQUIRE(next_of(link, verdict).refused().request_id() == id);
            });
}

void broken_messages(ServerSuite& suite) {
  constexpr const char* where = "PROTOCOL Control";
  const std::vector<std::pair<const char*, std::string>> broken = {
      {"oversize", varint(65537) + "x"},
      {"huge-length", std::string("\xff\xff\xff\xff\x0f")},
      {"long-length", std::string("\x80\x80\x80\x80\x80\x80\x01")},
      {"no-protobuf", control_wire("\xff\xff\xff\xff")},
      {"truncated-field", control_wire("\x0a\x7f"
                                       "short")},
  };
  for (const auto& [id, bytes] : broken) {
    suite.add({std::string("mux/control/") + id, Level::must,
               std::string("a broken message (") + id + ") ends the link, and no other", where},
              [bytes = bytes](ServerTarget& target) {
                AgentLink other(target);
                AgentLink link(target, {.address = 1});
                link.peer->send_data(1, bytes);
                link.peer->wait_for_failure();
                other.expect_works();
              });
  }
  suite.add({"mux/control/one-hello", Level::must, "a second Hello ends the link, and no other", where},
            [](ServerTarget& target) {
              AgentLink other(target);
              AgentLink link(target, {.address = 1});
              control::ControlMessage message;
              message.mutable_hello()->set_version(1);
              link.peer->send_control(message);
              link.peer->send_control(message);
              link.peer->wait_for_failure();
              other.expect_works();
            });
  suite.add({"mux/control/broker-kind", Level::must, "a message that only a broker sends ends the link", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              control::ControlMessage message;
              message.mutable_notice()->set_text("from an agent");
              link.peer->send_control(message);
              link.peer->wait_for_failure();
            });
  const std::vector<std::pair<const char*, std::string>> floods = {
      {"empty", std::string(1, '\0')},
      {"register", control_wire(register_message(9, "Bad_Name").SerializeAsString())},
  };
  for (const auto& [id, bytes] : floods) {
    suite.add({std::string("mux/control/flood-") + id, Level::must,
               std::string("1,000 control messages at once (") + id + ") end the link with ENHANCE_YOUR_CALM", where},
              [bytes = bytes](ServerTarget& target) {
                AgentLink other(target);
                AgentLink link(target, {.address = 1});
                std::string all;
                for (int i = 0; i < 1000; ++i) all += bytes;
                for (std::size_t at = 0; at < all.size(); at += 16'000) link.peer->send_data(1, all.substr(at, 16'000));
                const std::uint32_t code = link.peer->wait_for_failure();
                REQUIRE((code == h2_error::no_error || code == h2_error::enhance_your_calm));
                other.expect_works();
              });
  }
  suite.add({"mux/control/ended", Level::must, "END_STREAM on stream 1 ends the link", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              link.peer->send({FrameType::data, flag::end_stream, 1, ""});
              expect(link.peer->comes_true([&] { return link.peer->ended() || link.peer->goaway(); }, patience),
                     "the link goes on");
            });
  suite.add({"mux/control/reset", Level::must, "RST_STREAM on stream 1 ends the link", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              link.peer->reset(1, h2_error::cancel);
              expect(link.peer->comes_true([&] { return link.peer->ended() || link.peer->goaway(); }, patience),
                     "the link goes on");
            });
}

void life(ServerSuite& suite) {
  constexpr const char* where = "PROTOCOL Life";
  suite.add({"mux/life/pong", Level::must, "PING is answered at once", where}, [](ServerTarget& target) {
    AgentLink link(target);
    link.peer->ping(in(1s));
  });
  suite.add({"mux/life/ping", Level::must, "the server sends a PING within 8 s", where}, [](ServerTarget& target) {
    AgentLink link(target);
    link.peer->wait_until([&] { return link.peer->pings_seen() > 0; }, "a PING", in(8s));
  });
  suite.add({"mux/life/dead", Level::must, "an agent that is silent is given up within 18 s; its visitors are answered",
             where},
            [](ServerTarget& target) {
              AgentLink link(target);
              link.peer->habits.answer_pings = false;
              link.peer->habits.ack_settings = false;
              expect(link.peer->comes_true([&] { return link.peer->ended() || link.peer->goaway(); }, 18s),
                     "still linked");
              const int status = target.ask("GET", "/", target.host_of(link.name)).status;
              REQUIRE((status == 404 || status == 502 || status == 503));
            });
  suite.add({"mux/life/resume", Level::must, "after a lost link the token gives the name back", where},
            [](ServerTarget& target) {
              std::string name, token;
              {
                AgentLink link(target);
                name = link.name;
                token = link.token;
                link.peer->transport().socket().reset();
              }
              AgentLink link(target, {.name = name, .resume = token, .address = 1});
              REQUIRE(link.name == name);
              link.expect_works();
            });
  suite.add({"mux/life/resume-alive", Level::must,
             "the token gives the name to a second link while the first still stands", where},
            [](ServerTarget& target) {
              AgentLink old(target);
              AgentLink young(target, {.name = old.name, .resume = old.token});
              REQUIRE(young.name == old.name);
              young.expect_works();
            });
  suite.add({"mux/life/held", Level::must, "a stranger does not get the name of a lost link", where},
            [](ServerTarget& target) {
              if (!target.options().token.empty()) skip("with one token all agents are one owner");
              std::string name;
              {
                AgentLink link(target, {.name = target.fresh_name()});
                name = link.name;
              }
              std::this_thread::sleep_for(1500ms);
              Http stranger = target.visit(1);
              stranger.send(upgrade_request(target, "/" + name));
              REQUIRE(stranger.read_answer().status == 409);
            });
}

void endings(ServerSuite& suite) {
  constexpr const char* where = "PROTOCOL Life";
  suite.add({"mux/life/goaway", Level::must, "after the agent's GOAWAY what runs is finished and nothing new is opened",
             where},
            [](ServerTarget& target) {
              AgentLink link(target);
              Http visitor = link.visit();
              const AgentLink::Asked asked = link.take_request();
              link.peer->send_data(asked.stream, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
              link.peer->send({FrameType::goaway, 0, 0, u32(asked.stream) + u32(h2_error::no_error)});
              link.peer->ping();
              const std::size_t before = link.peer->streams_seen();
              Http late = link.visit("/late");
              link.peer->settle(300ms);
              REQUIRE(link.peer->streams_seen() == before);
              link.peer->send_data(asked.stream, "half");
              REQUIRE(visitor.read_answer().body == "halfhalf");
            });
  suite.add(
      {"mux/life/drain", Level::must, "SIGTERM: Drain comes, what runs is finished, GOAWAY NO_ERROR, exit 0", where},
      [](ServerTarget& target) {
        OwnServer own = target.launch();
        AgentLink link(own.target);
        Http visitor = link.visit();
        const AgentLink::Asked asked = link.take_request();
        link.peer->send_data(asked.stream, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
        visitor.read_head();
        own.process->signal(SIGTERM);
        const auto drain = next_of(link, [](const control::ControlMessage& message) { return message.has_drain(); });
        REQUIRE(drain.drain().deadline_ms() > 0);
        link.peer->send_data(asked.stream, "half");
        REQUIRE(visitor.read_exactly(8) == "halfhalf");
        expect(link.peer->comes_true([&] { return link.peer->goaway().has_value(); }, 5s),
               "no GOAWAY after the last stream");
        REQUIRE(link.peer->goaway()->code == h2_error::no_error);
        const auto code = own.process->wait(5s);
        expect(code.has_value(), "it still runs 5 s after its last answer");
        REQUIRE(*code == 0);
      });
  suite.add(
      {"mux/life/visitors-while-away", Level::must, "visitors of a lost link are told 503 (or 404) in time", where},
      [](ServerTarget& target) {
        std::string name;
        {
          AgentLink link(target);
          name = link.name;
        }
        Http visitor = target.visit();
        visitor.send(request("GET", "/", target.host_of(name)));
        const int status = visitor.read_answer("GET", in(target.options().waiting)).status;
        REQUIRE((status == 503 || status == 404));
      });
}

}  // namespace

void add_mux_control(ServerSuite& suite) {
  registrations(suite);
  framing(suite);
  broken_messages(suite);
  life(suite);
  endings(suite);
}

}  // namespace tenfold::conformance
