// The matrix of real servers and clients: see matrix.h.
#include "conformance/matrix.h"

#include <algorithm>
#include <ostream>
#include <thread>

#include "conformance/cases/client_cases.h"
#include "conformance/cases/server_cases.h"
#include "conformance/expect.h"
#include "conformance/known.h"
#include "conformance/runner.h"
#include "conformance/served_app.h"
#include "conformance/wire/link_peer.h"

namespace tenfold::conformance {
namespace {

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

// The name in "your url is: http://NAME.…"; empty until the client prints it.
std::string name_in(const std::string& output) {
  const std::string_view said = "your url is: ";
  std::size_t at = output.find(said);
  if (at == std::string::npos || output.find('\n', at) == std::string::npos) return "";
  at = output.find("://", at) + 3;
  return output.substr(at, output.find('.', at) - at);
}

bool speak_alike(const Peer& server, const Peer& client) {
  return (server.classic && client.classic) || (server.mux && client.mux);
}

ServerOptions options_of(const Peer& server) {
  ServerOptions options;
  options.domain = "localhost";
  options.at.host = "127.0.0.1";
  options.command = server.command;
  options.mux = server.mux;
  return options;
}

MatrixPair try_pair(const Peer& server, const Peer& client) {
  MatrixPair pair{server.name, client.name, 0, static_cast<int>(std::size(checks)), {}};
  try {
    OwnServer own = ServerTarget(options_of(server), 0).launch(10);
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
        ++pair.passed;
      } catch (const std::exception& error) {
        pair.note += std::string(pair.note.empty() ? "" : "; ") + check.name + ": " + error.what();
      }
    }
  } catch (const std::exception& error) {
    pair.note = error.what();
  }
  return pair;
}

std::vector<Result> test_server(const Peer& server, unsigned jobs) {
  OwnServer own = ServerTarget(options_of(server), 0).launch(10);
  const auto cases = server_suite(server.mux).select({}, {});
  return run_cases(
      cases, jobs, [&](std::size_t i) { return ServerTarget(own.target.options(), static_cast<unsigned>(i)); },
      [](const Result&) {});
}

std::vector<Result> test_client(const Peer& client, unsigned jobs) {
  const ClientOptions options{client.command, client.mux};
  const auto cases = client_suite(client.mux).select({}, {});
  return run_cases(
      cases, jobs, [&](std::size_t) { return ClientTarget(options); }, [](const Result&) {});
}

bool chosen(const MatrixWish& wish, const std::string& id) {
  return (wish.only.empty() || names(wish.only, id)) && !names(wish.except, id);
}

class Run {
 public:
  Run(const MatrixWish& wish, std::ostream& progress) : wish_(wish), progress_(progress) {}

  Matrix all() {
    matrix_.peers = find_peers(
        wish_.peers, [&](const std::string& id) { return !names(wish_.except, id); }, progress_);
    for (const Peer& client : matrix_.peers.clients) {
      for (const Peer& server : matrix_.peers.servers) pair(server, client);
    }
    for (const Peer& server : matrix_.peers.servers) suite(server, test_server);
    for (const Peer& client : matrix_.peers.clients) suite(client, test_client);
    return std::move(matrix_);
  }

 private:
  void pair(const Peer& server, const Peer& client) {
    Result result{
        {"pair/" + client.id + "/" + server.id, Level::must,
         client.name + " at " + server.name + ": " + std::to_string(std::size(checks)) + " checks of real traffic",
         "CONFORMANCE pairs"}};
    if (!speak_alike(server, client) || !chosen(wish_, result.info.id)) return;
    const Deadline start = Clock::now();
    MatrixPair pair = try_pair(server, client);
    result.outcome = pair.passed == pair.checks ? Outcome::passed : Outcome::failed;
    result.text = pair.note;
    matrix_.pairs.push_back(std::move(pair));
    done(std::move(result), start);
  }

  void suite(const Peer& target, std::vector<Result> (*test)(const Peer&, unsigned)) {
    Result result{{"suite/" + target.id, Level::must,
                   "the suite against " + target.name + ": what fails is what is known to", "CONFORMANCE suites"}};
    if (!target.suite || !chosen(wish_, result.info.id)) return;
    const Deadline start = Clock::now();
    try {
      const auto known = read_known(target.known);
      const std::vector<Result> results = test(target, wish_.jobs);
      MatrixSuite suite{target.name, count(results), surprises(known, results)};
      result.text = summary(suite.count);
      for (const std::string& each : suite.surprises) result.text += "; " + each;
      result.outcome = suite.surprises.empty() ? Outcome::passed : Outcome::failed;
      matrix_.suites.push_back(std::move(suite));
    } catch (const std::exception& error) {
      result.outcome = Outcome::failed;
      result.text = error.what();
    }
    done(std::move(result), start);
  }

  void done(Result result, Deadline start) {
    result.took = std::chrono::duration_cast<Millis>(Clock::now() - start);
    print_line(progress_, result);
    matrix_.results.push_back(std::move(result));
  }

  const MatrixWish& wish_;
  std::ostream& progress_;
  Matrix matrix_;
};

void print_pairs(std::ostream& out, const Matrix& matrix) {
  out << "| client |";
  for (const Peer& server : matrix.peers.servers) out << " " << server.name << " |";
  out << "\n|---|";
  for (std::size_t i = 0; i < matrix.peers.servers.size(); ++i) out << "---|";
  out << "\n";
  for (const Peer& client : matrix.peers.clients) {
    out << "| " << client.name << " |";
    for (const Peer& server : matrix.peers.servers) {
      const auto pair = std::find_if(matrix.pairs.begin(), matrix.pairs.end(), [&](const MatrixPair& each) {
        return each.client == client.name && each.server == server.name;
      });
      if (pair == matrix.pairs.end()) {
        out << " - |";
      } else {
        out << " " << pair->passed << " of " << pair->checks << " |";
      }
    }
    out << "\n";
  }
  out << "\n";
}

void print_suites(std::ostream& out, const Matrix& matrix) {
  out << "| target | cases | passed | failed | skipped |\n|---|---|---|---|---|\n";
  for (const MatrixSuite& each : matrix.suites) {
    const Count& count = each.count;
    out << "| " << each.target << " | " << count.passed + count.failed + count.skipped << " | " << count.passed
        << " | ";
    if (count.failed == 0) {
      out << "none";
    } else {
      out << count.failed << ": "
          << "must " << count.must_failed << ", should " << count.failed - count.must_failed;
    }
    out << " | " << count.skipped << " |\n";
  }
  out << "\n";
}

}  // namespace

Matrix run_matrix(const MatrixWish& wish, std::ostream& progress) { return Run(wish, progress).all(); }

void print_matrix(std::ostream& out, const Matrix& matrix) {
  if (!matrix.pairs.empty()) print_pairs(out, matrix);
  if (!matrix.suites.empty()) print_suites(out, matrix);
  for (const Result& each : matrix.results) {
    if (each.outcome == Outcome::failed) out << "- failed: " << each.info.id << ": " << printable(each.text) << "\n";
  }
  for (const std::string& reason : matrix.peers.missing) out << "- skipped: " << reason << "\n";
}

}  // namespace tenfold::conformance
