// The broker's main: options, loop, signals, exit code.
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/broker.h"
#include "broker/options.h"
#include "broker/token_command.h"
#include "io/inherited_sockets.h"
#include "io/line_output.h"
#include "io/log_sink.h"
#include "io/loop.h"
#include "io/secret_arguments.h"
#include "io/standard_streams.h"

namespace {

using namespace tenfold;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

// What the process was started with.
struct Given {
  int argc;
  const char* const* argv;
  const std::vector<InheritedSocket>& inherited;

  Result<broker::ParsedOptions> parse() const { return broker::parse_options(argc, argv, inherited); }
};

// Reads the command line and its files again.
void reload(broker::Broker& running, Log& log, const Given& given) {
  const Result<broker::ParsedOptions> again = given.parse();
  const Error fault = again ? again->places.placed(running.reload(again->options)) : again.error();
  if (fault) log.error("reload-failed", {{"detail", fault.detail}, {"kept", "all that was in force"}});
}

int check(const broker::ParsedOptions& parsed) {
  LineOutput lines(STDERR_FILENO, dropped_log_line(parsed.options.log_format, STDERR_FILENO));
  const std::unique_ptr<Log> log = make_log_sink(lines, parsed.options.log_format, parsed.options.log_level);
  const Error fault = parsed.places.placed(broker::Broker::check(parsed.options, *log));
  lines.flush();
  if (!fault) {
    std::puts("the configuration is good");
    return 0;
  }
  std::fprintf(stderr, "broker: %s\n", printable(fault.detail).c_str());
  return exit_usage;
}

int run(const broker::ParsedOptions& parsed, const Given& given) {
  const broker::Options& options = parsed.options;
  LineOutput lines(STDERR_FILENO, dropped_log_line(options.log_format, STDERR_FILENO));
  const std::unique_ptr<Log> log = make_log_sink(lines, options.log_format, options.log_level);
  Loop loop(*log);
  std::unique_ptr<broker::Broker> running;

  // Registered before the start: a supervisor may send a signal as soon as it reads the first log lines.
  bool asked = false;
  const auto on_stop = [&] {
    if (asked) {
      running->flush_access_log();
      lines.flush();
      std::_Exit(0);
    }
    asked = true;
    running->drain();
  };
  loop.watch_signal(SIGTERM, on_stop);
  loop.watch_signal(SIGINT, on_stop);
  loop.watch_signal(SIGHUP, [&] { reload(*running, *log, given); });
  for (const auto& [signum, name] : {std::pair{SIGUSR1, "SIGUSR1"}, std::pair{SIGUSR2, "SIGUSR2"}}) {
    loop.watch_signal(signum, [&log, name = name] {
      log->info("signal", {{"name", name}, {"detail", "it means nothing here"}});
    });
  }

  Result<std::unique_ptr<broker::Broker>> started = broker::Broker::start(loop, options, [&] { loop.stop(); });
  if (!started) {
    lines.flush();
    std::fprintf(stderr, "broker: %s\n", printable(parsed.places.placed(started.error()).detail).c_str());
    return exit_usage;
  }
  running = *std::move(started);
  loop.run();
  lines.flush();  // while the loop still handles a second signal, which would otherwise kill the process
  return asked ? 0 : exit_failed;
}

}  // namespace

int main(int argc, char** argv) {
  open_closed_streams();
  if (broker::is_token_command(argc, argv)) return broker::run_token_command(argc, argv);
  const Result<std::vector<InheritedSocket>> inherited = take_inherited_sockets();
  if (!inherited) {
    std::fprintf(stderr, "broker: %s\n", inherited.error().detail.c_str());
    return exit_usage;
  }
  // They are parsed again at each reload.
  const std::vector<std::string> words(argv, argv + argc);
  std::vector<const char*> arguments;
  for (const std::string& word : words) arguments.push_back(word.c_str());
  constexpr std::array<std::string_view, 1> secrets = {"--registry"};
  hide_arguments(argc, argv, secrets);
  const Given given{argc, arguments.data(), *inherited};
  const Result<broker::ParsedOptions> parsed = given.parse();
  if (!parsed) {
    std::fprintf(stderr, "broker: %s\n", parsed.error().detail.c_str());
    return exit_usage;
  }
  if (!parsed->print.empty()) {
    std::fputs(parsed->print.c_str(), stdout);
    return 0;
  }
  return parsed->check_only ? check(*parsed) : run(*parsed, given);
}
