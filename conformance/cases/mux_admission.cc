// The offer without its Upgrade, and which address is charged at a server with limits. docs/PROTOCOL.md, "Handshake"
// and "Life".
#include <nlohmann/json.hpp>

#include "conformance/cases/agent_link.h"
#include "conformance/cases/server_cases.h"

namespace tenfold::conformance {
namespace {

constexpr int many = 60;  // attempts, more than a server's expected limit for an address

Message shake(ServerTarget& target, const std::string& raw, unsigned k = 0) {
  Http client = target.visit(k);
  client.send(raw);
  return client.read_answer();
}

std::string code_of(const Message& got) {
  const auto json = nlohmann::json::parse(got.body, nullptr, false);
  if (!json.is_object() || !json.contains("code")) return "";
  return json["code"].get<std::string>();
}

// A request that lost its Upgrade on the way.
std::string offer_request(ServerTarget& target, const std::string& path, const FieldList& more = {}) {
  FieldList fields = target.credentials();
  fields.emplace_back("Tenfold-Offer", "tenfold/1");
  fields.insert(fields.end(), more.begin(), more.end());
  return request("GET", path, target.own_host(), fields);
}

void expect_upgrade_lost(const Message& got) {
  expect(got.status == 426, got.first_line + " " + got.body.substr(0, 200));
  REQUIRE(code_of(got) == "upgrade-lost");
  REQUIRE(got.lists("Upgrade", "tenfold/1"));
}

// Opens links until the address reaches its limit; skips the case at a server without limits.
std::vector<Http> use_up_the_limit(ServerTarget& target) {
  if (!target.options().token.empty()) skip("a token lifts the limits");
  if (!target.options().at.host.starts_with("127.")) skip("would use up this address's share of the server");
  std::vector<Http> links;
  for (int i = 0; i < many; ++i) {
    links.push_back(target.visit());
    links.back().send(upgrade_request(target, "/?new"));
    Message got = links.back().read_head();
    if (got.status == 429) return links;
    REQUIRE(got.status == 101);
  }
  skip("this server has no limits by address");
  return links;
}

void offers(ServerSuite& suite) {
  constexpr const char* where = "PROTOCOL Handshake";
  suite.add({"mux/offer/link", Level::must, "the offer together with its Upgrade is a link", where},
            [](ServerTarget& target) {
              REQUIRE(shake(target, upgrade_request(target, "/?new", {{"Tenfold-Offer", "tenfold/1"}})).status == 101);
            });
  suite.add({"mux/offer/new", Level::must, "GET /?new with the offer, but no Upgrade: 426 upgrade-lost", where},
            [](ServerTarget& target) { expect_upgrade_lost(shake(target, offer_request(target, "/?new"))); });
  suite.add({"mux/offer/name", Level::must, "GET /NAME likewise, and no tunnel comes of it", where},
            [](ServerTarget& target) {
              const std::string name = target.fresh_name();
              expect_upgrade_lost(shake(target, offer_request(target, "/" + name)));
              REQUIRE(target.ask("GET", "/", target.host_of(name)).status == 404);
              AgentLink link(target, {.name = name, .address = 1});
              REQUIRE(link.name == name);
            });
  suite.add({"mux/offer/list", Level::must, "the offer is a list of tokens, without regard to case", where},
            [](ServerTarget& target) {
              FieldList fields = target.credentials();
              fields.emplace_back("tenfold-offer", "tenfold/2, TENFOLD/1");
              expect_upgrade_lost(shake(target, request("GET", "/?new", target.own_host(), fields)));
            });
  suite.add({"mux/offer/half-upgrade", Level::must, "an Upgrade that Connection does not name is none", where},
            [](ServerTarget& target) {
              expect_upgrade_lost(shake(target, offer_request(target, "/?new", {{"Upgrade", "tenfold/1"}})));
            });
  suite.add({"mux/offer/http-1.0", Level::must, "a proxy that speaks HTTP/1.0 is told the same", where},
            [](ServerTarget& target) {
              std::string raw = offer_request(target, "/?new");
              raw.replace(raw.find("HTTP/1.1"), 8, "HTTP/1.0");
              expect_upgrade_lost(shake(target, raw));
            });
  suite.add({"mux/offer/living", Level::must, "the offer alone takes nothing from a tunnel that stands", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              const FieldList resume = {{"Tenfold-Resume", base64url(link.token)}};
              expect_upgrade_lost(shake(target, offer_request(target, "/" + link.name, resume)));
              link.expect_works();
            });
  suite.add({"mux/offer/uncharged", Level::must, "it is charged to no limit", where}, [](ServerTarget& target) {
    for (int i = 0; i < many; ++i) expect_upgrade_lost(shake(target, offer_request(target, "/?new")));
    AgentLink link(target);
    link.expect_works();
  });
  suite.add({"mux/offer/none", Level::must,
             "without the offer a request without Upgrade is a classic one: the JSON, or 426 upgrade-required", where},
            [](ServerTarget& target) {
              const Message got = target.ask("GET", "/?new", target.own_host(), target.credentials());
              if (got.status == 426) {
                REQUIRE(code_of(got) == "upgrade-required");
              } else {
                read_tunnel(got);
              }
            });
  suite.add({"mux/offer/no-store", Level::should, "answers to /?new and /NAME are for no cache", where},
            [](ServerTarget& target) {
              for (const std::string& raw :
                   {offer_request(target, "/?new"), request("GET", "/?new", target.own_host(), target.credentials()),
                    request("GET", "/" + target.fresh_name(), target.own_host(), target.credentials()),
                    upgrade_request(target, "/Bad_Name")}) {
                const Message got = shake(target, raw);
                expect(got.lists("Cache-Control", "no-store"), "none in " + got.first_line);
              }
            });
}

void charges(ServerSuite& suite) {
  constexpr const char* where = "PROTOCOL Life";
  suite.add({"mux/limit/resume", Level::must,
             "at an address's limit a valid resume token passes, and one that is not the name's does not", where},
            [](ServerTarget& target) {
              AgentLink link(target);
              const std::vector<Http> others = use_up_the_limit(target);
              const FieldList forged = {{"Tenfold-Resume", base64url(std::string(link.token.size(), 'x'))}};
              REQUIRE(shake(target, upgrade_request(target, "/" + target.fresh_name(), forged)).status == 429);
              for (int i = 0; i < 3; ++i) {
                AgentLink back(target, {.name = link.name, .resume = link.token});
                REQUIRE(back.name == link.name);
                back.expect_works();
              }
            });
  suite.add({"mux/limit/register", Level::must, "... and likewise with Register", "PROTOCOL Control"},
            [](ServerTarget& target) {
              AgentLink link(target);
              AgentLink other(target);
              const std::vector<Http> others = use_up_the_limit(target);
              control::ControlMessage message;
              message.mutable_register_()->set_request_id(5);
              message.mutable_register_()->set_kind("http");
              message.mutable_register_()->set_name(link.name);
              message.mutable_register_()->set_resume_token(link.token);
              other.peer->send_control(message);
              for (;;) {
                const control::ControlMessage heard = other.peer->next_control();
                expect(!heard.has_refused(), "Refused " + heard.refused().code());
                if (heard.has_registered() && heard.registered().request_id() == 5) break;
              }
            });
  suite.add({"mux/limit/taken", Level::must, "409 name-taken is charged to no limit", "PROTOCOL Handshake"},
            [](ServerTarget& target) {
              AgentLink owner(target, {.name = target.fresh_name(), .address = 1});
              for (int i = 0; i < many; ++i) {
                REQUIRE(shake(target, upgrade_request(target, "/" + owner.name)).status == 409);
              }
              AgentLink link(target);
              link.expect_works();
            });
  suite.add({"mux/handshake/body", Level::must, "an Upgrade with a body is 400, and takes nothing from a living tunnel",
             "PROTOCOL Handshake"},
            [](ServerTarget& target) {
              AgentLink link(target);
              FieldList fields = {
                  {"Connection", "Upgrade"}, {"Upgrade", "tenfold/1"}, {"Tenfold-Resume", base64url(link.token)}};
              for (const auto& each : target.credentials()) fields.push_back(each);
              const Message got = shake(target, request("GET", "/" + link.name, target.own_host(), fields, "body"));
              REQUIRE(got.status == 400);
              link.expect_works();
            });
}

}  // namespace

void add_mux_admission(ServerSuite& suite) {
  offers(suite);
  charges(suite);
}

}  // namespace tenfold::conformance
