// The broker's main: options, loop, signals, exit code.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "broker/broker.h"
#include "broker/options.h"
#include "io/log_sink.h"
#include "io/loop.h"

namespace {

using namespace tenfold;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

int run(const broker::Options& options) {
  const std::unique_ptr<Log> log = make_log_sink(options.log_format, options.log_level);
  Loop loop(*log);
  Result<std::unique_ptr<broker::Broker>> started = broker::Broker::start(loop, options, [&] { loop.stop(); });
  if (!started) {
    std::fprintf(stderr, "broker: %s\n", printable(started.error().detail).c_str());
    return exit_usage;
  }
  bool asked = false;
  const auto on_signal = [&] {
    if (asked) std::_Exit(0);
    asked = true;
    (*started)->drain();
  };
  loop.watch_signal(SIGTERM, on_signal);
  loop.watch_signal(SIGINT, on_signal);
  loop.run();
  return asked ? 0 : exit_failed;
}

}  // namespace

int main(int argc, char** argv) {
  Result<broker::ParsedOptions> parsed = broker::parse_options(argc, argv);
  if (!parsed) {
    std::fprintf(stderr, "broker: %s\n", parsed.error().detail.c_str());
    return exit_usage;
  }
  if (!parsed->print.empty()) {
    std::fputs(parsed->print.c_str(), stdout);
    return 0;
  }
  return run(parsed->options);
}
