// A client under test: see client_target.h.
#include "conformance/client_target.h"

#include "conformance/expect.h"

namespace tenfold::conformance {

ClientRun::ClientRun(ClientTarget& target, const RunWish& wish)
    : target_(target), state_(std::make_shared<const StateHome>()) {
  if (!wish.flags.empty() && !target.options().flags) skip("the command takes no flags of lt's");
  if (wish.server_down) server.close();
  const std::uint16_t port = wish.app_port != 0 ? wish.app_port : app.port();
  const std::string host = "http://" + wish.host + ":" + std::to_string(server.port());
  const std::string command = fill_in(target.options().command, {{"port", std::to_string(port)}, {"host", host}});
  line_ = command + (wish.flags.empty() ? "" : " " + wish.flags);
  process = std::make_unique<Process>(line_, state_);
}

void ClientRun::restart() {
  process = nullptr;
  process = std::make_unique<Process>(line_, state_);
}

ClientRun::~ClientRun() {
  if (process) target_.last_words_ = process->last_lines();
}

std::string ClientRun::url() const { return "http://" + std::string(name) + ".localhost"; }

Http ClientRun::accept_ask(Deadline deadline) {
  while (!server.pending(100ms)) {
    if (!process->running()) fail("the command ended with " + std::to_string(*process->wait(0ms)));
    if (Clock::now() > deadline) throw Timeout("the client did not ask for a tunnel in time");
  }
  return Http(server.accept());
}

ClientRun::Ask ClientRun::take_ask(Deadline deadline) {
  Ask ask{accept_ask(deadline), {}};
  ask.request = ask.connection.read_request(deadline);
  return ask;
}

void ClientRun::grant(Ask& ask, unsigned sockets, const std::string& more) {
  const std::string count = sockets == 0 ? "" : ",\"max_conn_count\":" + std::to_string(sockets);
  ask.connection.send(answer(200,
                             "{\"id\":\"" + std::string(name) + "\",\"port\":" + std::to_string(pool.port()) + count +
                                 ",\"url\":\"" + url() + "\"" + more + "}",
                             {{"Content-Type", "application/json"}}));
}

void ClientRun::start(unsigned sockets, const std::string& more) {
  Ask ask = take_ask();
  grant(ask, sockets, more);
}

void answer_and_close(ClientRun::Ask& ask, int status, const std::string& body, const FieldList& fields) {
  FieldList all = fields;
  all.emplace_back("Connection", "close");
  ask.connection.send(answer(status, body, all));
  ask.connection.socket().finish();
}

BrokerLink::BrokerLink(ClientRun::Ask ask) : asked(std::move(ask.request)) {
  expect(asked.lists("Upgrade", "tenfold/1"), "the client asked without Upgrade: tenfold/1");
  ask.connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n\r\n");
  peer = std::make_unique<LinkPeer>(std::move(ask.connection), LinkPeer::Role::broker);
  peer->start({{setting::enable_push, 0}, {setting::initial_window_size, 262144}});
  peer->open("control");
  control::ControlMessage registered;
  registered.mutable_registered()->set_name(ClientRun::name);
  registered.mutable_registered()->add_urls("http://" + std::string(ClientRun::name) + ".localhost");
  registered.mutable_registered()->set_resume_token(std::string(token));
  peer->send_control(registered);
  control::ControlMessage welcome;
  welcome.mutable_welcome()->set_version(1);
  welcome.mutable_welcome()->set_max_streams(1000);
  welcome.mutable_welcome()->set_max_control_bytes(65536);
  peer->send_control(welcome);
  peer->wait_until([&] { return peer->stream(1).has_head && peer->settings_seen(); },
                   "the answer to the control stream");
  expect(peer->stream(1).field(":status") == "200",
         "the control stream is answered " + peer->stream(1).field(":status"));
}

Http BrokerLink::app_of(ClientRun& run) {
  const Deadline deadline = in(2 * patience);
  for (;;) {
    Http app = run.accept_app(deadline);
    try {
      if (app.read_exactly(1, deadline) == "G") return app;
    } catch (const Lost&) {
      // The connection of a stream that the case cancelled earlier: under load it comes late.
    }
  }
}

std::pair<std::uint32_t, Http> BrokerLink::open_to(ClientRun& run) {
  const std::uint32_t id = open();
  // Some clients dial on the stream's HEADERS, some on its first byte.
  peer->send_data(id, "G");
  Http app = app_of(run);
  peer->wait_until([&] { return peer->stream(id).has_head; }, "the answer to a stream");
  expect(peer->stream(id).field(":status") == "200", "the stream is answered " + peer->stream(id).field(":status"));
  return {id, std::move(app)};
}

void BrokerLink::expect_works(ClientRun& run) {
  auto [id, app] = open_to(run);
  peer->send_data(id, "ping");
  REQUIRE(app.read_exactly(4) == "ping");
  app.send("pong");
  REQUIRE(peer->take_bytes(id, 4) == "pong");
  peer->reset(id, h2_error::cancel);
}

}  // namespace tenfold::conformance
