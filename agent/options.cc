#include "agent/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "agent/version.h"
#include "http1/head.h"
#include "io/log_sink.h"

namespace tenfold {
namespace {

constexpr const char* default_host = "http://127.0.0.1:7080";

constexpr const char* footer = R"(Environment:
  TENFOLD_HOST    --host, where the flag is not given
  TENFOLD_TOKEN   --token, where the flag is not given; other users cannot read it from the list of processes

Exit codes:
  0   asked to stop (SIGINT, SIGTERM); what runs is finished first, a second signal exits at once
  2   a wrong flag or value, or a file that cannot be read
  3   the broker refuses for good: the name, the token, or --mux=require against a classic server
A local app that is down and a broker that is away are no reason to exit: the agent says so and comes back.

Example:
  agent expose 8080 --mux --host https://broker.example --subdomain blue-fox)";

Error usage(std::string_view flag, std::string_view value, std::string_view why) {
  std::string line(flag);
  if (!value.empty()) line += " '" + printable(value, 200) + '\'';
  return {ErrorKind::usage, line + ": " + std::string(why)};
}

// The command line as words, before they mean anything: CLI11 takes it apart, and what a value may be is decided below.
struct Words {
  std::string target, host, mux, subdomain, token, ca, local_host, log_level;
  bool insecure = false, print_requests = false, json = false, allow_remote_ip = false;
};

void declare(CLI::App& app, CLI::App& expose, Words& words) {
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "This text");
  app.set_version_flag("--version", version, "The version");
  app.footer(footer);

  expose.set_help_flag("-h,--help", "This text");
  expose.footer(footer);
  expose.add_option("TARGET", words.target, "The local app: PORT, HOST:PORT, http://… or https://…")->type_name("");
  expose.add_option("--host", words.host, std::string("The broker's URL [") + default_host + "]")->type_name("URL");
  expose.add_flag("--mux{prefer}", words.mux,
                  "One TLS connection for all visitors, and the classic sockets where the server does not know it; "
                  "--mux=require: never the classic sockets");
  expose.add_option("--subdomain", words.subdomain, "The name to ask for; otherwise a random one")->type_name("NAME");
  expose.add_option("--token", words.token, "What the broker knows you by")->type_name("TOKEN");
  expose.add_option("--ca", words.ca, "PEM file with the roots to trust, in place of the system's")->type_name("FILE");
  expose.add_flag("--insecure", words.insecure, "Take any certificate of the broker's");
  expose.add_option("--local-host", words.local_host, "Rewrite the Host of every request to this")->type_name("HOST");
  expose.add_flag("--print-requests", words.print_requests, "A line for each request");
  expose.add_flag("--json", words.json, "One event a line on stdout, each a JSON object");
  expose.add_flag("--allow-remote-ip", words.allow_remote_ip,
                  "Let a classic server send the sockets to an address other than its own");
  expose.add_option("--log-level", words.log_level, "trace, debug, info, warn, error or off, on stderr [warn]")
      ->type_name("LEVEL");
}

// One line of our own for what CLI11 cannot make sense of.
Error explain(const CLI::ParseError& error, const CLI::App& app) {
  if (const std::vector<std::string> rest = app.remaining(true); !rest.empty()) {
    const std::string& first = rest.front();
    return usage(printable(first.substr(0, first.find('=')), 200), {},
                 first.starts_with('-') ? "no such flag" : "nothing takes this word");
  }
  if (dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    return usage("expose", {}, "missing: the one thing that this program does (see --help)");
  }
  std::string text = error.what();
  return {ErrorKind::usage, printable(text.substr(0, text.find('\n')))};
}

std::string help(const CLI::App& expose) { return expose.help("agent expose"); }

// RFC 6750, section 2.1: what a bearer token is made of. Also keeps a line break out of the head.
bool is_token(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// A path of the request is made of it: which names a broker grants is the broker's to say.
bool is_name(std::string_view text) {
  return text.size() <= 63 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
         });
}

Result<Options> understand(const Words& words, const Environment& environment) {
  const auto or_environment = [&](const std::string& word, const char* variable) {
    const char* value = word.empty() ? environment(variable) : nullptr;
    return value == nullptr ? word : std::string(value);
  };
  Options options;

  if (words.target.empty()) return usage("TARGET", {}, "missing: a port, a host:port or a URL of the local app");
  Result<Endpoint> target = parse_target(words.target);
  if (!target) return usage("TARGET", words.target, target.error().detail);
  options.target = *std::move(target);

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

  if (!is_name(words.subdomain)) {
    return usage("--subdomain", words.subdomain, "at most 63 letters, digits and hyphens");
  }
  options.subdomain = words.subdomain;

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
  if (!options.local_host.empty() && !http1::is_authority(options.local_host)) {
    return usage("--local-host", words.local_host, "not a host or host:port");
  }

  if (!words.log_level.empty()) {
    const Result<LogLevel> level = parse_log_level(words.log_level);
    if (!level) return usage("--log-level", words.log_level, "trace, debug, info, warn, error or off");
    options.log_level = *level;
  }

  options.ca_file = words.ca;
  options.insecure = words.insecure;
  options.print_requests = words.print_requests;
  options.json = words.json;
  options.allow_remote_ip = words.allow_remote_ip;
  return options;
}

}  // namespace

Result<CommandLine> parse_command_line(std::span<const std::string> arguments, const Environment& environment) {
  CLI::App app("Tenfold's agent: a public URL for a local app", "agent");
  CLI::App& expose = *app.add_subcommand("expose", "Give a local app a public URL");
  Words words;
  declare(app, expose, words);

  // Asked for anywhere, help is what comes, whatever else is wrong.
  const auto asked = [&](std::string_view flag) {
    return std::find(arguments.begin(), arguments.end(), flag) != arguments.end();
  };
  if (asked("--help") || asked("-h")) return CommandLine{{}, help(expose)};
  if (asked("--version")) return CommandLine{{}, std::string("tenfold agent ") + version + '\n'};

  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them backwards
  } catch (const CLI::ParseError& error) {
    return explain(error, app);
  }
  Result<Options> options = understand(words, environment);
  if (!options) return options.error();
  return CommandLine{*std::move(options), {}};
}

}  // namespace tenfold
