#include "agent/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <vector>

#include "agent/links/version.h"
#include "base/limits.h"
#include "http/authority.h"
#include "http/head.h"
#include "io/log_sink.h"
#include "mux/handshake.h"

namespace tenfold {
namespace {

constexpr const char* default_host = "http://127.0.0.1:7080";

// Written by hand, since CLI11 formats --mux[=require] differently.
constexpr const char* help = R"(Give a local app a public URL.

Usage: agent expose [FLAGS] TARGET…

  TARGET             the local app: PORT, HOST:PORT, http://HOST[:PORT], https://HOST[:PORT] or unix:/PATH. Each of
                     several gets a URL of its own; with --mux they share the one connection

  --host URL         the broker [http://127.0.0.1:7080]
  --mux              one TLS connection for all visitors. The classic sockets only where the server says that it is a
                     classic one; never because nothing answers, nor where the broker has had tenfold/1 before
  --mux=require      ... and never the classic sockets
  --subdomain NAME   the name to ask for; otherwise any. With several targets once for each, in their order
  --token TOKEN      what the broker knows you by; travels over https:// and to loopback only
  --ca FILE          the roots to trust, PEM, in place of the system's
  --insecure         take any certificate of the broker's
  --local-host HOST  what the Host of every request becomes, and the Origin and Referer that name the tunnel
  --print-requests   a line for each request: status, time and bytes
  --no-keep-alive    one connection to the app for each request: for apps that serve one connection at a time
  --first-byte SECONDS
                     how long the app may take to begin its answer; then the visitor gets a 504. The broker has a limit
                     of its own (10 minutes, unless it was told otherwise)
  --json             one event a line on stdout, each a JSON object
  --allow-remote-ip  let a classic server send the sockets to an address other than its own
  --state-dir DIR    where it keeps which brokers have spoken tenfold/1 [$XDG_STATE_HOME/tenfold, else
                     ~/.local/state/tenfold]
  --log-level LEVEL  trace, debug, info, warn, error or off; the log goes to stderr [warn]
  -h, --help         this text
  --version          the version

Environment:
  TENFOLD_HOST       --host, where the flag is not given
  TENFOLD_TOKEN      --token, where the flag is not given; other users cannot read it in the list of processes
  TENFOLD_STATE_DIR  --state-dir, where the flag is not given

Exit codes:
  0  asked to stop (SIGINT, SIGTERM; SIGHUP: the terminal was closed): what runs is finished first, a second SIGINT or
     SIGTERM exits at once
  2  a wrong flag or value, or a file that cannot be read
  3  refused for good: the name (of several: every one), the token, or --mux=require against a classic server
A local app that is down and a broker that is away are no reason to exit: the agent says so and comes back.

The certificate of an https:// TARGET is checked, but on loopback.

Examples:
  agent expose 8080 --mux --host https://broker.example --subdomain blue-fox
  agent expose 3000 8080 --mux --subdomain blue-fox-web --subdomain blue-fox-api
)";

Error usage(std::string_view flag, std::string_view value, std::string_view why) {
  std::string line(flag);
  if (!value.empty()) line += " '" + printable(value, 200) + '\'';
  return {ErrorKind::usage, line + ": " + std::string(why)};
}

// The values as text: CLI11 splits the command line, and the code below validates the values.
struct Words {
  std::vector<std::string> targets, subdomains;
  std::string host, mux, token, ca, local_host, state_dir, log_level;
  std::optional<std::string> first_byte;
  bool insecure = false, print_requests = false, no_keep_alive = false, json = false, allow_remote_ip = false;
};

void declare(CLI::App& app, CLI::App& expose, Words& words) {
  app.require_subcommand(1);
  expose.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  expose.add_option("TARGET", words.targets)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  expose.add_option("--host", words.host);
  expose.add_flag("--mux{prefer}", words.mux);  // a flag, so that it does not take TARGET for its value
  expose.add_option("--subdomain", words.subdomains)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  expose.add_option("--token", words.token);
  expose.add_option("--ca", words.ca);
  expose.add_flag("--insecure", words.insecure);
  expose.add_option("--local-host", words.local_host);
  expose.add_flag("--print-requests", words.print_requests);
  expose.add_flag("--no-keep-alive", words.no_keep_alive);
  expose.add_option("--first-byte", words.first_byte);
  expose.add_flag("--json", words.json);
  expose.add_flag("--allow-remote-ip", words.allow_remote_ip);
  expose.add_option("--state-dir", words.state_dir);
  expose.add_option("--log-level", words.log_level);
}

// One line for an error of CLI11.
Error explain(const CLI::ParseError& error, const CLI::App& app) {
  if (const std::vector<std::string> rest = app.remaining(true); !rest.empty()) {
    const std::string& first = rest.front();
    return usage(printable(first.substr(0, first.find('=')), 200), {},
                 first.starts_with('-') ? "no such flag" : "nothing takes this word");
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    return usage("expose", {}, "missing: the one thing that this program does (see --help)");
  }
  const std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return usage(printable(text.substr(0, text.find(':'))), {}, "its value is missing");
  }
  return {ErrorKind::usage, printable(text.substr(0, text.find('\n')))};
}

// RFC 6750, section 2.1: the characters of a bearer token. Also keeps line breaks out of the head.
bool is_token(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// The name becomes part of the request's path; the broker decides which names it grants. handshake::name_rule; none
// requests any name.
bool is_name(std::string_view text) {
  if (text.empty()) return true;
  return text.size() <= 63 && text.front() != '-' && text.back() != '-' && text != handshake::control_authority &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

// XDG Base Directory Specification: $XDG_STATE_HOME, if absolute, or ~/.local/state. Empty without a home.
std::string usual_state_dir(const Environment& environment) {
  const auto value = [&](const char* variable) {
    const char* text = environment(variable);
    return std::string(text == nullptr ? "" : text);
  };
  if (const std::string state = value("XDG_STATE_HOME"); state.starts_with('/')) return state + "/tenfold";
  const std::string home = value("HOME");
  return home.empty() ? std::string() : home + "/.local/state/tenfold";
}

Result<std::vector<TunnelOptions>> understand_tunnels(const Words& words) {
  if (words.targets.empty())
    return usage("TARGET", {}, "missing: a port, a host:port, a URL or unix:/PATH of the local app");
  if (words.targets.size() > limits::tunnels_per_link) {
    return usage("TARGET", {}, "more than " + std::to_string(limits::tunnels_per_link) + ": one agent takes no more");
  }
  if (words.subdomains.size() > words.targets.size()) {
    return usage("--subdomain", words.subdomains[words.targets.size()],
                 "one more than there are targets: each target has one name, in the same order");
  }
  std::vector<TunnelOptions> tunnels;
  for (const std::string& word : words.targets) {
    Result<Endpoint> target = parse_target(word);
    if (!target) return usage("TARGET", word, target.error().detail);
    tunnels.push_back({*std::move(target), {}});
  }
  for (std::size_t i = 0; i < words.subdomains.size(); ++i) {
    const std::string& name = words.subdomains[i];
    if (!is_name(name)) return usage("--subdomain", name, handshake::name_rule);
    const auto twice = [&](const TunnelOptions& tunnel) { return !name.empty() && tunnel.subdomain == name; };
    if (std::any_of(tunnels.begin(), tunnels.end(), twice)) {
      return usage("--subdomain", name, "asked for twice: each target needs a name of its own");
    }
    tunnels[i].subdomain = name;
  }
  return tunnels;
}

Result<Options> understand(const Words& words, const Environment& environment) {
  const auto or_environment = [&](const std::string& word, const char* variable) {
    const char* value = word.empty() ? environment(variable) : nullptr;
    return value == nullptr ? word : std::string(value);
  };
  Options options;

  Result<std::vector<TunnelOptions>> tunnels = understand_tunnels(words);
  if (!tunnels) return tunnels.error();
  options.tunnels = *std::move(tunnels);

  std::string host = or_environment(words.host, "TENFOLD_HOST");
  if (host.empty()) host = default_host;
  Result<Endpoint> broker = parse_broker_url(host);
  if (!broker) return usage(words.host.empty() ? "TENFOLD_HOST" : "--host", host, broker.error().detail);
  options.broker = *std::move(broker);

  if (words.mux == "require") {
    options.mux = Mux::require;
  } else if (words.mux == "prefer" || words.mux == "true") {
    options.mux = Mux::prefer;
  } else if (!words.mux.empty()) {
    return usage("--mux", words.mux, "--mux or --mux=require");
  }

  // A token is a secret: the message shows the flag, never the value.
  options.token = or_environment(words.token, "TENFOLD_TOKEN");
  const char* const token_from = words.token.empty() ? "TENFOLD_TOKEN" : "--token";
  if (!is_token(options.token)) return usage(token_from, {}, "holds a character that no token has");
  if (!options.token.empty() && !options.broker.tls && !is_loopback(options.broker.address.host)) {
    return usage(token_from, {},
                 "would travel unencrypted to " + to_string(options.broker) +
                     ": use https:// (plain http is for localhost, 127.0.0.1 and [::1])");
  }

  options.local_host = words.local_host;
  if (!options.local_host.empty() && !http::is_authority(options.local_host)) {
    return usage("--local-host", words.local_host, "not a host or host:port");
  }

  if (words.first_byte) {
    const Result<Duration> time = parse_duration(*words.first_byte);
    if (!time) return usage("--first-byte", *words.first_byte, time.error().detail);
    options.first_byte = *time;
  }

  if (!words.log_level.empty()) {
    const Result<LogLevel> level = parse_log_level(words.log_level);
    if (!level) return usage("--log-level", words.log_level, "trace, debug, info, warn, error or off");
    options.log_level = *level;
  }

  options.state_dir = or_environment(words.state_dir, "TENFOLD_STATE_DIR");
  if (options.state_dir.empty()) options.state_dir = usual_state_dir(environment);

  options.ca_file = words.ca;
  options.insecure = words.insecure;
  options.print_requests = words.print_requests;
  options.no_keep_alive = words.no_keep_alive;
  options.json = words.json;
  options.allow_remote_ip = words.allow_remote_ip;
  return options;
}

}  // namespace

Result<CommandLine> parse_command_line(std::span<const std::string> arguments, const Environment& environment) {
  CLI::App app;
  CLI::App& expose = *app.add_subcommand("expose");
  Words words;
  declare(app, expose, words);

  // --help anywhere on the command line wins over any error.
  const auto asked = [&](std::string_view flag) {
    return std::find(arguments.begin(), arguments.end(), flag) != arguments.end();
  };
  if (asked("--help") || asked("-h")) return CommandLine{{}, help};
  if (asked("--version")) return CommandLine{{}, std::string("tenfold agent ") + version + '\n'};

  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 expects them in reverse
  } catch (const CLI::ParseError& error) {
    return explain(error, app);
  }
  Result<Options> options = understand(words, environment);
  if (!options) return options.error();
  return CommandLine{*std::move(options), {}};
}

}  // namespace tenfold
