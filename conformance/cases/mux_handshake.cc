// The tenfold/1 handshake of a server. docs/PROTOCOL.md, "Handshake" and "HTTP/2".
#include <nlohmann/json.hpp>

#include "conformance/cases/agent_link.h"
#include "conformance/cases/server_cases.h"

namespace tenfold::conformance {
namespace {

constexpr const char* where = "PROTOCOL Handshake";

Message shake(ServerTarget& target, const std::string& raw, unsigned k = 0) {
  Http client = target.visit(k);
  client.send(raw);
  return client.read_answer();
}

void expect_refusal(const Message& got, int status, const std::string& code) {
  REQUIRE(got.status == status);
  const auto json = nlohmann::json::parse(got.body, nullptr, false);
  expect(json.is_object() && json.contains("code") && json.contains("message"),
         "no JSON with code and message: " + got.body);
  REQUIRE(json["code"].get<std::string>() == code);
}

void links(ServerSuite& suite) {
  suite.add({"mux/handshake/101", Level::must, "101 with Connection: Upgrade and Upgrade: tenfold/1", where},
            [](ServerTarget& target) {
              const Message got = shake(target, upgrade_request(target, "/?new"));
              REQUIRE(got.status == 101);
              REQUIRE(got.lists("Connection", "upgrade"));
              REQUIRE(got.field("Upgrade") == "tenfold/1");
            });
  suite.add({"mux/handshake/name", Level::must, "GET /NAME with Upgrade gives that name", where},
            [](ServerTarget& target) {
              const std::string name = target.fresh_name();
              AgentLink link(target, {.name = name});
              REQUIRE(link.name == name);
              link.expect_works();
            });
  suite.add({"mux/handshake/token-case", Level::must, "the token of Upgrade counts without regard to case", where},
            [](ServerTarget& target) {
              FieldList fields = target.credentials();
              fields.insert(fields.end(), {{"connection", "keep-alive, upgrade"}, {"upgrade", "TENFOLD/1"}});
              REQUIRE(shake(target, request("GET", "/?new", target.own_host(), fields)).status == 101);
            });
  suite.add({"mux/handshake/token-list", Level::must, "tenfold/1 is found in a list of tokens", where},
            [](ServerTarget& target) {
              FieldList fields = target.credentials();
              fields.insert(fields.end(), {{"Connection", "Upgrade"}, {"Upgrade", "tenfold/2, tenfold/1"}});
              REQUIRE(shake(target, request("GET", "/?new", target.own_host(), fields)).status == 101);
            });
  suite.add(
      {"mux/handshake/unknown-token", Level::must, "an Upgrade that nobody knows is a request without one", where},
      [](ServerTarget& target) {
        FieldList fields = target.credentials();
        fields.insert(fields.end(), {{"Connection", "Upgrade"}, {"Upgrade", "tenfold/2"}});
        const Message got = shake(target, request("GET", "/?new", target.own_host(), fields));
        REQUIRE((got.status == 200 || got.status == 426));
      });
  suite.add({"mux/handshake/no-connection", Level::must, "Upgrade without Connection: Upgrade is no upgrade", where},
            [](ServerTarget& target) {
              FieldList fields = target.credentials();
              fields.emplace_back("Upgrade", "tenfold/1");
              REQUIRE(shake(target, request("GET", "/?new", target.own_host(), fields)).status != 101);
            });
  suite.add({"mux/handshake/get-only", Level::must, "POST with Upgrade makes no link", where},
            [](ServerTarget& target) {
              const FieldList fields = {{"Connection", "Upgrade"}, {"Upgrade", "tenfold/1"}};
              const Message got = shake(target, request("POST", "/?new", target.own_host(), fields, "x"));
              expect(got.status >= 400, got.first_line);
            });
  suite.add({"mux/handshake/with-classic", Level::must, "links and classic tunnels live side by side", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              const Message classic = target.ask("GET", "/?new", target.own_host(), target.credentials());
              if (classic.status == 426) skip("this server has the classic pool off");
              REQUIRE(read_tunnel(classic).id != link.name);
              link.expect_works();
            });
  suite.add({"mux/handshake/alpn", Level::must, "over TLS the server agrees on ALPN http/1.1", where},
            [](ServerTarget& target) {
              if (!target.options().tls) skip("needs https://");
              REQUIRE(target.dial().alpn() == "http/1.1");
            });
}

void refusals(ServerSuite& suite) {
  suite.add({"mux/handshake/bad-name", Level::must, "a bad name is 403 bad-name", where}, [](ServerTarget& target) {
    expect_refusal(shake(target, upgrade_request(target, "/Bad_Name")), 403, "bad-name");
  });
  suite.add({"mux/handshake/name-taken", Level::must, "a taken name is 409 name-taken, and its owner keeps it", where},
            [](ServerTarget& target) {
              AgentLink owner(target, {.name = target.fresh_name()});
              expect_refusal(shake(target, upgrade_request(target, "/" + owner.name), 1), 409, "name-taken");
              owner.expect_works();
            });
  suite.add({"mux/handshake/wrong-resume", Level::must, "a resume token that is not the name's gives nothing", where},
            [](ServerTarget& target) {
              AgentLink owner(target, {.name = target.fresh_name()});
              const FieldList forged = {{"Tenfold-Resume", base64url(std::string(owner.token.size(), 'x'))}};
              expect_refusal(shake(target, upgrade_request(target, "/" + owner.name, forged), 1), 409, "name-taken");
              owner.expect_works();
            });
  suite.add(
      {"mux/handshake/garbled-resume", Level::must, "a Tenfold-Resume that is no base64url is ignored", where},
      [](ServerTarget& target) {
        const Message got = shake(target, upgrade_request(target, "/?new", {{"Tenfold-Resume", "!!not base64!!"}}));
        REQUIRE(got.status == 101);
      });
  suite.add({"mux/handshake/no-token", Level::must, "without the token that the server wants: 401 unauthorized", where},
            [](ServerTarget& target) {
              if (target.options().token.empty()) skip("needs a server with tokens, and --token");
              const FieldList fields = {{"Connection", "Upgrade"}, {"Upgrade", "tenfold/1"}};
              const Message got = shake(target, request("GET", "/?new", target.own_host(), fields));
              expect_refusal(got, 401, "unauthorized");
              REQUIRE(got.field("WWW-Authenticate").starts_with("Bearer"));
            });
  suite.add({"mux/handshake/wrong-token", Level::must, "a token that nobody knows is 401 or 403", where},
            [](ServerTarget& target) {
              if (target.options().token.empty()) skip("needs a server with tokens, and --token");
              const FieldList fields = {
                  {"Connection", "Upgrade"}, {"Upgrade", "tenfold/1"}, {"Authorization", "Bearer wrong"}};
              const int status = shake(target, request("GET", "/?new", target.own_host(), fields)).status;
              REQUIRE((status == 401 || status == 403));
            });
  suite.add({"mux/handshake/rate", Level::must,
             "handshakes without end from one address: 429 with code and Retry-After", where},
            [](ServerTarget& target) {
              if (!target.options().token.empty()) skip("a token lifts the limits");
              if (!target.options().at.host.starts_with("127."))
                skip("would use up this address's share of the server");
              std::vector<Http> links;
              for (int i = 0; i < 100; ++i) {
                links.push_back(target.visit(5));
                links.back().send(upgrade_request(target, "/?new"));
                Message got = links.back().read_head();
                if (got.status == 101) continue;
                links.back().read_body(got);
                REQUIRE(got.status == 429);
                REQUIRE(got.has("Retry-After"));
                REQUIRE(nlohmann::json::parse(got.body, nullptr, false).contains("code"));
                return;
              }
              fail("100 links for one address");
            });
}

void beginnings(ServerSuite& suite) {
  suite.add(
      {"mux/start/preface", Level::must, "behind the 101 come the HTTP/2 preface and SETTINGS", "PROTOCOL HTTP/2"},
      [](ServerTarget& target) {
        AgentLink link(target);
        REQUIRE(link.peer->first_frame() == FrameType::settings);
      });
  suite.add({"mux/start/before-agent", Level::must, "they come without a byte of the agent's", "PROTOCOL HTTP/2"},
            [](ServerTarget& target) {
              Http client = target.visit();
              client.send(upgrade_request(target, "/?new"));
              REQUIRE(client.read_head().status == 101);
              REQUIRE(client.read_exactly(preface.size()) == preface);
            });
  suite.add({"mux/start/no-push", Level::must, "the server's SETTINGS turn push off", "PROTOCOL HTTP/2"},
            [](ServerTarget& target) {
              AgentLink link(target);
              REQUIRE(link.peer->peer_setting(setting::enable_push, 1) == 0);
            });
  suite.add({"mux/start/settings-ack", Level::must, "the agent's SETTINGS are acknowledged", "PROTOCOL HTTP/2"},
            [](ServerTarget& target) {
              AgentLink link(target);
              link.peer->wait_until([&] { return link.peer->settings_acked(); }, "the SETTINGS' acknowledgement");
            });
  suite.add({"mux/start/window", Level::should, "the connection's window is raised above 64 KiB", "PROTOCOL HTTP/2"},
            [](ServerTarget& target) {
              AgentLink link(target);
              link.peer->wait_until([&] { return link.peer->connection_send_window() > 65535; }, "a WINDOW_UPDATE");
            });
  suite.add(
      {"mux/start/control", Level::must, "stream 1 is CONNECT to control, without scheme or path", "PROTOCOL Control"},
      [](ServerTarget& target) {
        AgentLink link(target);
        const LinkPeer::Stream& control = link.peer->stream(1);
        REQUIRE(control.field(":method") == "CONNECT");
        REQUIRE(control.field(":authority") == "control");
        REQUIRE(control.field(":scheme").empty());
        REQUIRE(control.field(":path").empty());
      });
  suite.add({"mux/start/registered", Level::must, "Registered comes first: the name, a URL with it, a resume token",
             "PROTOCOL Control"},
            [](ServerTarget& target) {
              AgentLink link(target);
              REQUIRE(!link.urls.empty());
              expect(link.urls[0].find(link.name + "." + target.options().domain) != std::string::npos, link.urls[0]);
              REQUIRE(!link.token.empty());
            });
  suite.add(
      {"mux/start/welcome", Level::must, "Welcome comes second: version 1 and the server's limits", "PROTOCOL Control"},
      [](ServerTarget& target) {
        AgentLink link(target);
        const control::ControlMessage message = link.peer->next_control();
        REQUIRE(message.has_welcome());
        REQUIRE(message.welcome().version() == 1);
        REQUIRE(message.welcome().max_streams() > 0);
        REQUIRE(message.welcome().max_control_bytes() >= 1024);
      });
  suite.add({"mux/start/silent-agent", Level::should,
             "an agent that says nothing after the 101 is given up within 16 s", "PROTOCOL Life"},
            [](ServerTarget& target) {
              Http client = target.visit();
              client.send(upgrade_request(target, "/?new"));
              REQUIRE(client.read_head().status == 101);
              client.wait_for_end(in(16s));
            });
  suite.add(
      {"mux/start/not-http2", Level::must, "an agent that speaks HTTP/1.1 after the 101 is cut off", "PROTOCOL HTTP/2"},
      [](ServerTarget& target) {
        Http client = target.visit();
        client.send(upgrade_request(target, "/?new"));
        REQUIRE(client.read_head().status == 101);
        client.send(answer(200, "I am no HTTP/2"));
        client.wait_for_end();
      });
}

}  // namespace

void add_mux_handshake(ServerSuite& suite) {
  links(suite);
  refusals(suite);
  beginnings(suite);
}

}  // namespace tenfold::conformance
