// The agent that a case plays: see agent_link.h.
#include "conformance/cases/agent_link.h"

#include "conformance/expect.h"

namespace tenfold::conformance {

std::string upgrade_request(ServerTarget& target, const std::string& path, const FieldList& more) {
  FieldList fields = {{"Connection", "Upgrade"}, {"Upgrade", "tenfold/1"}};
  for (const auto& each : target.credentials()) fields.push_back(each);
  fields.insert(fields.end(), more.begin(), more.end());
  return request("GET", path, target.own_host(), fields);
}

std::string base64url(std::string_view bytes) {
  static constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  unsigned held = 0;
  int bits = 0;
  for (const char c : bytes) {
    held = held << 8 | static_cast<std::uint8_t>(c);
    for (bits += 8; bits >= 6; bits -= 6) out += letters[held >> (bits - 6) & 63];
  }
  if (bits > 0) out += letters[held << (6 - bits) & 63];
  return out;
}

AgentLink::AgentLink(ServerTarget& at, const LinkWish& wish) : target(at) {
  Http transport = target.visit(wish.address);
  FieldList more;
  if (!wish.resume.empty()) more.emplace_back("Tenfold-Resume", base64url(wish.resume));
  transport.send(upgrade_request(target, wish.name.empty() ? "/?new" : "/" + wish.name, more));
  Message head = transport.read_head();
  if (head.status != 101) {
    transport.read_body(head);
    fail("no link: " + head.first_line + ", " + head.body.substr(0, 200));
  }
  peer = std::make_unique<LinkPeer>(std::move(transport), LinkPeer::Role::agent);
  peer->start(wish.settings);
  peer->wait_until([&] { return peer->stream(1).has_head; }, "the control stream");
  accept(1);
  control::ControlMessage hello;
  hello.mutable_hello()->set_version(1);
  hello.mutable_hello()->set_agent_id("conformance");
  peer->send_control(hello);
  const control::ControlMessage registered = peer->next_control();
  expect(registered.has_registered(), "the first control message is not Registered");
  name = registered.registered().name();
  token = registered.registered().resume_token();
  urls.assign(registered.registered().urls().begin(), registered.registered().urls().end());
}

void AgentLink::accept(std::uint32_t stream) {
  accepted_.insert(stream);
  peer->send_head(stream, {{":status", "200"}});
}

void AgentLink::refuse(std::uint32_t stream, const std::string& status, const std::string& cause) {
  accepted_.insert(stream);
  peer->send_head(stream, {{":status", status}, {"tenfold-cause", cause}}, true);
  peer->reset(stream, h2_error::no_error);
  peer->stream(stream).data.clear();  // clears the request, which this answers
}

AgentLink::Asked AgentLink::take_request(Deadline deadline) {
  std::uint32_t found = 0;
  peer->wait_until(
      [&] {
        for (const std::uint32_t id : peer->visitors()) {
          if (peer->stream(id).data.find("\r\n\r\n") != std::string::npos) found = id;
        }
        return found != 0;
      },
      "a visitor's request on the link", deadline);
  if (!accepted_.contains(found)) accept(found);
  return {found, std::exchange(peer->stream(found).data, {})};
}

Http AgentLink::visit(const std::string& path, const FieldList& fields, unsigned k) {
  Http visitor = target.visit(k);
  visitor.send(request("GET", path, target.host_of(name), fields));
  return visitor;
}

void AgentLink::expect_works() {
  Http visitor = visit("/works");
  const Asked asked = take_request();
  peer->send_data(asked.stream, answer(200, "works"));
  REQUIRE(visitor.read_answer().body == "works");
}

}  // namespace tenfold::conformance
