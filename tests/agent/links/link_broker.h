// LinkBroker: the far end of an agent's link, as a test plays it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "links/agent_fixture.h"
#include "mux/control_framing.h"
#include "mux/link_stream.h"

namespace tenfold::test {

class LinkBroker final : public Link::Handler {
 public:
  LinkBroker(FakeNetwork& network, std::unique_ptr<Duplex> pipe)
      : driven_(network.drive_as(Link::Role::broker, std::move(pipe), *this)) {
    driven_->start({});
  }

  void register_tunnel(const std::string& name, const std::string& url, const std::string& resume_token = "resume",
                       std::uint32_t request_id = 0) {
    control::ControlMessage message;
    message.mutable_registered()->set_request_id(request_id);
    message.mutable_registered()->set_name(name);
    message.mutable_registered()->add_urls(url);
    message.mutable_registered()->set_resume_token(resume_token);
    link().send(message);
  }
  void refuse_tunnel(std::uint32_t request_id, const std::string& code, const std::string& text = "no") {
    control::ControlMessage message;
    message.mutable_refused()->set_request_id(request_id);
    message.mutable_refused()->set_code(code);
    message.mutable_refused()->set_message(text);
    link().send(message);
  }
  void tell_drain(std::uint32_t deadline_ms) {
    control::ControlMessage message;
    message.mutable_drain()->set_deadline_ms(deadline_ms);
    link().send(message);
  }
  void tell_unregistered(const std::string& name, const std::string& code, const std::string& text = "no more") {
    control::ControlMessage message;
    message.mutable_unregistered()->set_name(name);
    message.mutable_unregistered()->set_code(code);
    message.mutable_unregistered()->set_message(text);
    link().send(message);
  }
  void tell_notice(const std::string& text) {
    control::ControlMessage message;
    message.mutable_notice()->set_text(text);
    link().send(message);
  }

  // A visitor's stream, heard by `visitor`.
  LinkStream& open(Peer& visitor, std::string_view name, std::string_view peer = {}) {
    Result<std::unique_ptr<LinkStream>> stream = link().open_stream({name, peer});
    REQUIRE(stream);
    LinkStream& opened = **stream;
    visitor.attach(*std::move(stream));
    return opened;
  }

  Link& link() { return driven_->link(); }

  std::vector<std::string> heard;            // kinds of the agent's control messages
  std::vector<control::Register> registers;  // ... and these in full
  bool draining = false;                     // the agent takes no new stream
  bool closed = false;

  void on_link_stream(std::unique_ptr<LinkStream>) override {}
  void on_control(const control::ControlMessage& message) override {
    switch (message.kind_case()) {
      case control::ControlMessage::kHello: heard.push_back("hello " + message.hello().agent_id()); break;
      case control::ControlMessage::kRegister:
        heard.push_back("register " + message.register_().name());
        registers.push_back(message.register_());
        break;
      case control::ControlMessage::kGoodbye: heard.push_back("goodbye"); break;
      default: heard.push_back("other"); break;
    }
  }
  void on_link_output() override {}
  void on_link_draining() override { draining = true; }
  void on_link_closed(const Error&) override { closed = true; }

 private:
  std::unique_ptr<DrivenLink> driven_;
};

inline const std::string upgraded_answer =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n\r\n";

}  // namespace tenfold::test
