// conformance: plays clients and visitors against any server, and a server against any client. docs/CONFORMANCE.md.
// Exit codes: 0 no `must` failed, 1 one did, 2 nothing could be tested.
#include <signal.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <optional>

#include "conformance/cases/client_cases.h"
#include "conformance/cases/server_cases.h"
#include "conformance/expect.h"
#include "conformance/known.h"
#include "conformance/matrix.h"
#include "conformance/preflight.h"
#include "conformance/report.h"
#include "conformance/runner.h"

namespace tenfold::conformance {
namespace {

struct Options {
  std::vector<std::string> only;
  std::vector<std::string> except;
  std::vector<std::string> report;  // format, file
  std::string known;                // a file of ids that are known to fail
  bool list = false;
  unsigned jobs = 8;
  std::string host;
  double waiting = 12;
  ServerOptions server;
  ClientOptions client;
  bool plain = false;
  PeerWish peers{"build/release/bin", "build/npm", "conformance/peers", "build/peers"};
};

// http://HOST[:PORT] or https://…
void read_host(const std::string& url, ServerOptions& server) {
  const std::size_t scheme = url.find("://");
  const std::string name = url.substr(0, scheme);
  if (scheme == std::string::npos || (name != "http" && name != "https")) {
    throw Unusable("--host " + url + ": not http://HOST:PORT nor https://HOST:PORT");
  }
  server.tls = name == "https";
  std::string authority = url.substr(scheme + 3);
  authority = authority.substr(0, authority.find('/'));
  server.at.port = server.tls ? 443 : 80;
  const std::size_t colon = authority.rfind(':');
  if (colon != std::string::npos && authority.find(']', colon) == std::string::npos) {
    const std::string digits = authority.substr(colon + 1);
    const bool number = !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
    const int port = number && digits.size() <= 5 ? std::stoi(digits) : 0;
    if (port < 1 || port > 65535) throw Unusable("--host " + url + ": the port is no number from 1 to 65535");
    server.at.port = static_cast<std::uint16_t>(port);
    authority.resize(colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) authority = authority.substr(1, authority.size() - 2);
  if (authority.empty()) throw Unusable("--host " + url + ": no host in it");
  server.at.host = authority;
}

ReportWish report_of(const Options& options) {
  return options.report.empty() ? ReportWish{} : ReportWish{options.report[0], options.report[1]};
}

// Reports errors that would otherwise show only after the last case.
void check_options(const Options& options) {
  check_report(report_of(options));
  read_known(options.known);
}

template <typename Target, typename Make>
int run(const Suite<Target>& suite, const Options& options, const std::string& target, Make make) {
  const auto cases = suite.select(options.only, options.except);
  if (cases.empty()) throw Unusable("no case has that id; --list shows them all");
  const auto results =
      run_cases(cases, options.jobs, make, [](const Result& result) { print_line(std::cout, result); });
  const Count total = count(results);
  std::cout << "\n" << target << ": " << summary(total) << "\n";
  write_report(report_of(options), target, results);
  if (options.known.empty()) return total.must_failed == 0 ? 0 : 1;
  const auto surprising = surprises(read_known(options.known), results);
  for (const std::string& each : surprising) std::cout << each << "\n";
  if (surprising.empty()) std::cout << "what fails is what is known to fail\n";
  return surprising.empty() ? 0 : 1;
}

template <typename Target>
int list(const Suite<Target>& suite, const Options& options) {
  std::vector<CaseInfo> infos;
  for (const auto& each : suite.select(options.only, options.except)) infos.push_back(each.info);
  print_list(std::cout, infos);
  return 0;
}

// Starts the server under test by its command, if no URL is given.
OwnServer start_server(ServerOptions& server) {
  if (server.domain.empty()) server.domain = "localhost";
  OwnServer own = ServerTarget(server, 0).launch(10, 8s);
  server.at = own.target.options().at;
  return own;
}

int test_server(Options& options) {
  const ServerSuite suite = server_suite(options.server.mux);
  if (options.list) return list(suite, options);
  check_options(options);
  std::optional<OwnServer> own;
  if (!options.host.empty()) {
    read_host(options.host, options.server);
  } else if (!options.server.command.empty()) {
    own = start_server(options.server);
    options.host = options.server.command;
  } else {
    throw Unusable("give --host URL, or --command that starts the server");
  }
  if (options.server.domain.empty()) options.server.domain = options.server.at.host;
  options.server.waiting = Millis(static_cast<int>(options.waiting * 1000));
  check_server(options.server);
  return run(suite, options, options.host,
             [&](std::size_t i) { return ServerTarget(options.server, static_cast<unsigned>(i)); });
}

int test_client(Options& options) {
  const ClientSuite suite = client_suite(options.client.mux);
  if (options.list) return list(suite, options);
  check_options(options);
  options.client.flags = !options.plain;
  check_client(options.client);
  return run(suite, options, options.client.command, [&](std::size_t) { return ClientTarget(options.client); });
}

int show_matrix(const Options& options) {
  check_options(options);
  const Matrix matrix = run_matrix({options.peers, options.only, options.except, options.jobs}, std::cerr);
  if (matrix.results.empty()) throw Unusable("nothing to be tried: " + joined(matrix.peers.missing));
  print_matrix(std::cout, matrix);
  if (!options.report.empty() && options.report[0] == "markdown") {
    std::ofstream page(options.report[1]);
    print_matrix(page, matrix);
  } else {
    write_report(report_of(options), "matrix", matrix.results);
  }
  return count(matrix.results).failed == 0 ? 0 : 1;
}

void add_common(CLI::App& app, Options& options) {
  app.add_option("--only", options.only, "ids of cases, or of groups of them");
  app.add_option("--except", options.except, "ids or groups to leave out");
  app.add_option("--report", options.report, "junit, markdown or json, and a file")->expected(2);
  app.add_option("--jobs", options.jobs, "cases side by side (8)")->check(CLI::Range(1, 64));
}

void add_suite(CLI::App& app, Options& options) {
  add_common(app, options);
  app.add_option("--known", options.known,
                 "a file of ids: exit 0 when these fail (`ID maybe`: may fail) and no others");
  app.add_flag("--list", options.list, "print the cases and run none");
}

int main_with(int argc, char** argv) {
  Options options;
  CLI::App app("Checks that a tunnel server or client speaks the classic protocol and tenfold/1.");
  app.require_subcommand(1);
  CLI::App* server = app.add_subcommand("server", "Plays clients and visitors against a server");
  server->add_option("--host", options.host, "http://HOST:PORT or https://HOST:PORT of the server");
  server->add_option("--domain", options.server.domain, "its domain (default: the host)");
  server->add_option(
      "--command", options.server.command,
      "starts one more such server; without --host: the one to be tested. {port}, {domain}, {max_conn} are filled in");
  server->add_option("--token", options.server.token, "for servers that want one");
  server->add_option("--ca", options.server.ca_file, "the roots to trust (PEM)");
  server->add_option("--waiting", options.waiting, "seconds that the server may leave a visitor waiting (12)")
      ->check(CLI::Range(1, 600));
  server->add_flag("--insecure", options.server.insecure, "no check of the certificate");
  server->add_flag("--mux", options.server.mux, "tenfold/1 as well");
  add_suite(*server, options);

  CLI::App* client = app.add_subcommand("client", "Plays a server against a client");
  client->add_option("--command", options.client.command, "starts the client: {port} and {host} are filled in");
  client->add_flag("--mux", options.client.mux, "the command speaks tenfold/1: those cases, not the classic ones");
  client->add_flag("--plain", options.plain, "the command takes no --subdomain and no --local-host");
  add_suite(*client, options);

  CLI::App* matrix = app.add_subcommand("matrix", "What is installed against what is installed");
  matrix->add_option("--bin", options.peers.bin, "the folder of broker and agent [build/release/bin]");
  matrix->add_option("--npm", options.peers.npm, "the folder with node_modules [build/npm]");
  matrix->add_option("--peers", options.peers.peers, "the folder of the other clients [conformance/peers]");
  matrix->add_option("--work", options.peers.work, "where they are built [build/peers]");
  add_common(*matrix, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    throw Unusable(error.what());
  }
  if (*matrix) return show_matrix(options);
  return *client ? test_client(options) : test_server(options);
}

// For a thousand visitors of one case beside seven other cases, and a command that inherits the limit.
void allow_many_files() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 65536);
  setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace
}  // namespace tenfold::conformance

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  tenfold::conformance::allow_many_files();
  tenfold::conformance::kill_commands_on_signals();
  tenfold::conformance::throw_failures_of_doctest();
  try {
    return tenfold::conformance::main_with(argc, argv);
  } catch (const std::exception& error) {
    std::string text = error.what();
    while (text.ends_with('\n')) text.pop_back();
    std::cerr << "conformance: " << tenfold::conformance::printable(text) << "\n";
    return 2;
  }
}
