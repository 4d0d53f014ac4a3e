// A broker under test: see server_target.h.
#include "conformance/server_target.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

namespace tenfold::conformance {
namespace {

// Two runs within a minute must not share addresses: rate limits would count them together.
unsigned run_number() {
  static const unsigned number = std::random_device{}();
  return number;
}

Message parse_failure(const Message& answer) {
  fail("not the classic JSON: " + answer.first_line + ", " + answer.body.substr(0, 200));
}

}  // namespace

ServerTarget::ServerTarget(const ServerOptions& options, unsigned number) : options_(options), number_(number) {}

std::string ServerTarget::source(unsigned k) const {
  if (!options_.at.host.starts_with("127.") && options_.at.host != "localhost") return "";
  const unsigned second = 16 + (run_number() + number_ / 250) % 200;
  return "127." + std::to_string(second) + "." + std::to_string(1 + number_ % 250) + "." + std::to_string(1 + k);
}

Socket ServerTarget::dial(unsigned k, Deadline deadline) {
  Socket socket = Socket::connect(options_.at, source(k), deadline);
  if (options_.tls) socket.start_tls({options_.domain, options_.ca_file, !options_.insecure, "http/1.1"}, deadline);
  return socket;
}

Message ServerTarget::ask(std::string_view method, std::string_view path, const std::string& host,
                          const FieldList& fields, std::string_view body, unsigned k) {
  Http visitor = visit(k);
  visitor.send(request(method, path, host, fields, body));
  return visitor.read_answer(method);
}

std::string ServerTarget::own_host() const {
  const bool usual = options_.at.port == (options_.tls ? 443 : 80);
  return usual ? options_.domain : options_.domain + ":" + std::to_string(options_.at.port);
}

std::string ServerTarget::host_of(const std::string& name) const { return name + "." + own_host(); }

std::string ServerTarget::fresh_name() const {
  static constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device random;
  std::string name = "cf";
  for (int i = 0; i < 12; ++i) name += letters[random() % letters.size()];
  return name;
}

FieldList ServerTarget::credentials() const {
  if (options_.token.empty()) return {};
  return {{"Authorization", "Bearer " + options_.token}};
}

Tunnel read_tunnel(const Message& answer) {
  const auto json = nlohmann::json::parse(answer.body, nullptr, false);
  if (answer.status != 200 || !json.is_object()) parse_failure(answer);
  Tunnel tunnel;
  try {
    tunnel.id = json.at("id").get<std::string>();
    tunnel.url = json.at("url").get<std::string>();
    const auto port = json.at("port").get<std::int64_t>();
    expect(port > 0 && port < 65536, "the JSON's port is " + std::to_string(port));
    tunnel.port = static_cast<std::uint16_t>(port);
    tunnel.max_conn_count = json.at("max_conn_count").get<unsigned>();
  } catch (const nlohmann::json::exception&) {
    parse_failure(answer);
  }
  expect(tunnel.max_conn_count >= 1, "max_conn_count is 0");
  return tunnel;
}

Tunnel ServerTarget::create(const std::string& name, unsigned k) {
  return read_tunnel(ask("GET", name.empty() ? "/?new" : "/" + name, own_host(), credentials(), {}, k));
}

Http ServerTarget::open_socket(const Tunnel& tunnel, unsigned k) {
  return Http(Socket::connect({options_.at.host, tunnel.port}, source(k)));
}

unsigned ServerTarget::connected_sockets(const Tunnel& tunnel) {
  const Message answer = ask("GET", "/api/tunnels/" + tunnel.id + "/status", own_host());
  const auto json = nlohmann::json::parse(answer.body, nullptr, false);
  if (answer.status != 200 || !json.is_object() || !json.contains("connected_sockets")) {
    fail("no connected_sockets in the tunnel's status: " + answer.first_line + ", " + answer.body.substr(0, 200));
  }
  return json["connected_sockets"].get<unsigned>();
}

OwnServer ServerTarget::launch(unsigned max_conn, Millis within) {
  if (options_.command.empty()) skip("starts a server of its own: give --command");
  const std::uint16_t port = free_port();
  auto process = std::make_unique<Process>(
      fill_in(options_.command,
              {{"port", std::to_string(port)}, {"domain", options_.domain}, {"max_conn", std::to_string(max_conn)}}));
  ServerOptions options = options_;
  options.at = {"127.0.0.1", port};
  options.tls = false;
  ServerTarget target(options, number_);
  const Deadline deadline = in(within);
  for (;;) {
    try {
      target.ask("GET", "/api/status", target.own_host());
      return {std::move(process), std::move(target)};
    } catch (const Lost&) {
      if (!process->running()) fail("the server's command ended: " + joined(process->last_lines()));
      if (Clock::now() > deadline) fail("the server's command did not listen in time");
      std::this_thread::sleep_for(50ms);
    }
  }
}

Pool::Pool(ServerTarget& target, const Tunnel& tunnel, unsigned count) {
  for (unsigned i = 0; i < count; ++i) sockets_.push_back(target.open_socket(tunnel));
}

Http& Pool::next_readable(Deadline deadline) {
  std::vector<Socket*> all;
  for (Http& each : sockets_) {
    if (!each.buffered().empty()) return each;
    all.push_back(&each.socket());
  }
  if (std::none_of(all.begin(), all.end(), [](Socket* each) { return each->open(); })) {
    throw Lost("the server closed every socket of the pool");
  }
  const int index = first_readable(all, left(deadline));
  if (index < 0) throw Timeout("no request came to the pool in time");
  return sockets_[static_cast<std::size_t>(index)];
}

Pool::Taken Pool::take(Deadline deadline) {
  for (;;) {
    Http& socket = next_readable(deadline);
    try {
      Message request = socket.read_request(deadline);
      return {socket, std::move(request)};
    } catch (const Lost&) {
      socket.socket().close();  // an end instead of a request: drops this socket
    }
  }
}

bool Pool::silent(Millis within) {
  try {
    next_readable(in(within));
    return false;
  } catch (const Timeout&) {
    return true;
  }
}

}  // namespace tenfold::conformance
