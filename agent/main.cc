// The agent's program: reads the command line, builds the parts and wires them.
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/agent.h"
#include "agent/options.h"
#include "agent/screen/terminal.h"
#include "agent/targets/local_target.h"
#include "agent/targets/socket_network.h"
#include "io/log_sink.h"
#include "io/loop.h"
#include "io/secret_arguments.h"
#include "io/standard_streams.h"

namespace tenfold {
namespace {

int to_int(ExitCode code) { return static_cast<int>(code); }

int fail(const Error& error) {
  std::fprintf(stderr, "agent: %s\n", error.detail.c_str());
  return to_int(ExitCode::usage);
}

[[noreturn]] void end_at_once(Terminal& terminal, ExitCode code) {
  terminal.flush();
  std::_Exit(to_int(code));
}

// nohup(1) starts a program with SIGHUP ignored.
bool is_ignored(int signum) {
  struct sigaction now {};
  return sigaction(signum, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

// Ends the loop when the agent is done.
class Finish final : public Agent::Owner {
 public:
  explicit Finish(Loop& loop) : loop_(loop) {}
  void on_agent_done(ExitCode code) override {
    code_ = code;
    loop_.stop();
  }
  ExitCode code() const { return code_; }

 private:
  Loop& loop_;
  ExitCode code_ = ExitCode::stopped;
};

Result<std::shared_ptr<TlsContext>> broker_tls(const Options& options) {
  if (!options.broker.tls && options.ca_file.empty()) return std::shared_ptr<TlsContext>();
  return TlsContext::client({.ca_file = options.ca_file, .verify = !options.insecure});
}

Result<std::shared_ptr<TlsContext>> local_tls(const Endpoint& target) {
  if (!target.tls) return std::shared_ptr<TlsContext>();
  return TlsContext::client({.ca_file = {}, .verify = local_verifies(target)});
}

// The destination of one tunnel's visitors.
struct Way {
  Way(Runtime& runtime, Network& network, Status& agent, const Options& options, const Endpoint& to,
      std::shared_ptr<TlsContext> tls)
      : status(agent, to_string(to),
               options.tunnels.size() == 1 ? TunnelStatus::Among::alone : TunnelStatus::Among::several),
        target(runtime, network, status, to, std::move(tls)),
        forwarding{runtime,           target, status, options.local_host, options.print_requests, options.no_keep_alive,
                   options.first_byte} {
    forwarding.local_tls = to.tls;
  }

  TunnelStatus status;
  LocalTarget target;
  Forwarding forwarding;
};

int run(const Options& options) {
  Result<std::shared_ptr<TlsContext>> to_broker = broker_tls(options);
  if (!to_broker) return fail({ErrorKind::usage, "--ca: " + to_broker.error().detail});
  std::vector<std::shared_ptr<TlsContext>> to_local;
  for (const TunnelOptions& tunnel : options.tunnels) {
    Result<std::shared_ptr<TlsContext>> tls = local_tls(tunnel.target);
    if (!tls) return fail(tls.error());
    to_local.push_back(*std::move(tls));
  }

  Terminal terminal(options.json);
  const std::unique_ptr<Log> log =
      make_log_sink(terminal.err_lines(), options.json ? LogFormat::json : LogFormat::text, options.log_level);
  Loop loop(*log);
  Runtime& runtime = loop.runtime();
  SocketNetwork network(loop);
  ::tzset();  // now, so that no request's line has to read the time zone's file
  Screen screen(terminal, {.json = options.json, .colour = wants_colour()}, [] { return std::time(nullptr); });
  Status status(screen);
  std::vector<std::unique_ptr<Way>> ways;
  std::vector<Forwarding*> forwardings;
  for (std::size_t i = 0; i < to_local.size(); ++i) {
    ways.push_back(
        std::make_unique<Way>(runtime, network, status, options, options.tunnels[i].target, std::move(to_local[i])));
    forwardings.push_back(&ways.back()->forwarding);
  }
  std::mt19937_64 engine(std::random_device{}());
  const Random random = [&engine] { return std::uniform_real_distribution<double>(0, 1)(engine); };
  SystemSuspendClock clock;
  Finish finish(loop);
  Agent agent(options, forwardings, status, network, options.broker.tls ? *to_broker : nullptr, random, clock, finish);

  bool asked = false;
  const auto on_stop = [&] {
    if (std::exchange(asked, true)) end_at_once(terminal, ExitCode::stopped);
    agent.stop();
  };
  loop.watch_signal(SIGINT, on_stop);
  loop.watch_signal(SIGTERM, on_stop);
  // The terminal was closed. Both shell and kernel send it, and a service manager sends it after SIGTERM, so it never
  // counts as the second signal, which ends the process at once.
  if (!is_ignored(SIGHUP)) {
    loop.watch_signal(SIGHUP, [&] {
      if (!std::exchange(asked, true)) agent.stop();
    });
  }
  for (const auto& [signum, name] : {std::pair{SIGUSR1, "SIGUSR1"}, std::pair{SIGUSR2, "SIGUSR2"}}) {
    loop.watch_signal(signum, [&log, name = name] {
      log->info("signal", {{"name", name}, {"detail", "it means nothing here"}});
    });
  }

  agent.start();
  loop.run();
  // A lookup without an answer would delay the end of the loop and of the process.
  if (loop.has_pool_work()) end_at_once(terminal, finish.code());
  terminal.flush();  // while the loop still handles a second signal, which would otherwise kill the process
  return to_int(finish.code());
}

}  // namespace
}  // namespace tenfold

int main(int argc, char** argv) {
  using namespace tenfold;
  open_closed_streams();
  std::signal(SIGPIPE, SIG_IGN);  // a reader of our output may close; the agent continues
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  constexpr std::array<std::string_view, 1> secrets = {"--token"};
  hide_arguments(argc, argv, secrets);
  const Result<CommandLine> line = parse_command_line(arguments, [](const char* name) { return std::getenv(name); });
  if (!line) return fail(line.error());
  if (!line->print.empty()) {
    std::fputs(line->print.c_str(), stdout);
    return 0;
  }
  return run(line->options);
}
