#include "broker/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "broker/admission/client_address.h"
#include "broker/desk/router.h"
#include "broker/option_source.h"
#include "broker/rules.h"
#include "http/authority.h"
#include "http/head.h"
namespace tenfold::broker {
namespace {

constexpr const char* time_group = "Time (90, 90s, 5m, 2h): a side that the other holds back is never timed out";
constexpr std::string_view every_address = "all";

struct Texts {
  std::vector<std::string> http;
  std::vector<std::string> https;
  std::string classic = "on";
  std::string classic_ports;
  std::vector<std::string> proxies;
  std::vector<std::string> proxy_protocol_from;
  std::string log_level = "info";
  std::string log_format = "text";
  ClusterTexts cluster;
  std::string health;
  std::string admin;
  std::string access_log_query = "on";
  std::size_t max_conn = rules::classic_sockets;
  std::optional<std::string> unix_mode, memory_limit, keep_alive, first_byte, body_idle, stream_idle, half_close,
      drain_timeout, drain_delay, warmup;
};

Error bad(std::string_view flag, std::string_view value, std::string_view why) {
  return {ErrorKind::usage, std::string(flag) + " " + printable(value.empty() ? std::string_view("\"\"") : value, 128) +
                                ": " + std::string(why)};
}

bool is_domain(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  std::size_t label = 0;
  for (std::size_t i = 0; i <= name.size(); ++i) {
    if (i == name.size() || name[i] == '.') {
      if (label == 0 || label > 63 || name[i - 1] == '-') return false;
      label = 0;
      continue;
    }
    const char c = name[i];
    const bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && label != 0);
    if (!ok) return false;
    ++label;
  }
  return true;
}

bool is_url(std::string_view url) {
  const bool scheme = url.starts_with("http://") || url.starts_with("https://");
  return scheme && url.size() > url.find("://") + 3 &&
         std::all_of(url.begin(), url.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool is_site_url(std::string_view url) { return is_url(url) && http::is_authority(url.substr(url.find("://") + 3)); }

Error parse_port_range(const std::string& text, Options& options) {
  const char* const end = text.data() + text.size();
  const auto low = std::from_chars(text.data(), end, options.classic_port_low);
  const bool dash = low.ec == std::errc{} && low.ptr != end && *low.ptr == '-';
  const auto high = dash ? std::from_chars(low.ptr + 1, end, options.classic_port_high) : low;
  const bool good = dash && high.ec == std::errc{} && high.ptr == end && options.classic_port_low != 0 &&
                    options.classic_port_low <= options.classic_port_high;
  return good ? Error{} : bad("--classic-ports", text, "must be LOW-HIGH, as 20000-20999");
}

Error parse_listeners(std::string_view flag, const std::vector<std::string>& texts, std::vector<Address>& out) {
  for (const std::string& text : texts) {
    Result<Address> address = Address::parse(text, true);
    if (!address) return bad(flag, text, "must be ADDR:PORT or unix:/PATH: " + address.error().detail);
    if (!address->is_unix() && !address->host.empty() && !http::is_ip_literal(address->host) &&
        address->host.find(':') == std::string::npos) {
      return bad(flag, text, "the address must be an IP");
    }
    out.push_back(*std::move(address));
  }
  return {};
}

Error parse_classic(const std::string& text, Options& options) {
  if (text != "on" && text != "open" && text != "token" && text != "off") {
    return bad("--classic", text, "must be on, open, token or off");
  }
  if (text == "token" && options.token_file.empty()) return bad("--classic", text, "needs --token-file FILE");
  options.classic = text != "off";
  options.classic_without_token = text == "open";
  return {};
}

Error parse_mode(const std::string& text, unsigned& mode) {
  constexpr std::size_t most_digits = 4;
  constexpr unsigned most = 0777;
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, mode, 8);
  const bool good = failed == std::errc{} && stop == end && text.size() <= most_digits && mode <= most;
  return good ? Error{} : bad("--unix-mode", text, "must be octal, from 0 to 0777, as 0660");
}

Error parse_memory(const std::string& text, std::size_t& bytes) {
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, bytes);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  const int shift = unit == "M" ? 20 : unit == "G" ? 30 : 0;
  const bool fits = failed == std::errc{} && shift != 0 && bytes <= std::numeric_limits<std::size_t>::max() >> shift;
  bytes = fits ? bytes << shift : 0;
  return bytes >= rules::memory_limit_least
             ? Error{}
             : bad("--memory-limit", text, "must be a size in M or G, 16M at least, as 512M");
}

Error parse_times(const Texts& texts, Options& options) {
  struct Flag {
    std::string_view name;
    const std::optional<std::string>& text;
    Duration& value;
  };
  http::Patience& patience = options.patience;
  for (const Flag& flag :
       {Flag{"--keep-alive", texts.keep_alive, patience.keep_alive},
        Flag{"--first-byte", texts.first_byte, patience.first_byte},
        Flag{"--body-idle", texts.body_idle, patience.body_idle},
        Flag{"--stream-idle", texts.stream_idle, patience.stream_idle},
        Flag{"--half-close", texts.half_close, patience.half_close}, Flag{"--warmup", texts.warmup, options.warmup},
        Flag{"--drain-timeout", texts.drain_timeout, options.drain_time}}) {
    if (!flag.text) continue;
    if (&flag.value == &options.warmup && (*flag.text == "0" || *flag.text == "0s")) {
      flag.value = Duration::zero();
      continue;
    }
    const Result<Duration> time = parse_duration(*flag.text);
    if (!time) return bad(flag.name, *flag.text, time.error().detail);
    flag.value = *time;
  }
  if (texts.drain_delay) {
    const bool none = *texts.drain_delay == "0" || *texts.drain_delay == "0s";
    const Result<Duration> time = none ? Duration::zero() : parse_duration(*texts.drain_delay);
    if (!time) return bad("--drain-delay", *texts.drain_delay, time.error().detail);
    options.drain_delay = *time;
  }
  // It is announced in whole seconds.
  if (patience.keep_alive < 1s) return bad("--keep-alive", *texts.keep_alive, "must be a second at least");
  options.keep_alive_proxy = std::max(options.keep_alive_proxy, patience.keep_alive);
  return {};
}

Error parse_proxies(std::string_view flag, const std::vector<std::string>& texts, ProxyList& out) {
  for (const std::string& text : texts) {
    if (out.add(text)) return bad(flag, text, "must be an IP, a network, as 10.0.0.0/8, or unix");
  }
  return {};
}

bool is_loopback_ip(const std::string& text) {
  const std::optional<AddressBytes> ip = parse_address(text);
  return ip && is_loopback(*ip);
}

bool is_ip(const std::string& text) { return parse_address(text).has_value(); }

// The default address of the classic ports: a broker that listens on loopback or unix sockets only opens no port to the
// network. Empty: every address.
std::string default_classic_bind(const Options& options) {
  std::vector<Address> listeners = options.addresses();
  std::erase_if(listeners, [](const Address& listener) { return listener.is_unix(); });
  if (listeners.empty()) return std::string(this_machine);
  const bool all_loopback = std::all_of(listeners.begin(), listeners.end(),
                                        [](const Address& listener) { return is_loopback_ip(listener.host); });
  return all_loopback ? listeners.front().host : std::string{};
}

Error parse_door(std::string_view flag, const std::string& text, std::optional<Address>& door) {
  if (text.empty()) return {};
  std::vector<Address> parsed;
  if (Error error = parse_listeners(flag, {text}, parsed)) return error;
  if (parsed.front().is_unix()) return bad(flag, text, "must be ADDR:PORT");
  door = std::move(parsed.front());
  return {};
}

Error check_operations(const Texts& texts, Options& options) {
  if (Error error = parse_door("--health", texts.health, options.health)) return error;
  if (Error error = parse_door("--admin", texts.admin, options.admin)) return error;
  if (!options.admin && !options.admin_token_file.empty()) {
    return {ErrorKind::usage, "--admin-token-file without --admin guards nothing"};
  }
  if (options.admin && options.admin_token_file.empty() && !is_loopback_ip(options.admin->host)) {
    return bad("--admin", texts.admin, "beyond loopback it needs --admin-token-file");
  }
  if (texts.access_log_query != "on" && texts.access_log_query != "off") {
    return bad("--access-log-query", texts.access_log_query, "must be on or off");
  }
  options.access_log_query = texts.access_log_query == "on";
  return {};
}

Error check(const Texts& texts, const std::vector<InheritedSocket>& inherited, Options& options) {
  if (Error error = parse_listeners("--http", texts.http, options.http)) return error;
  if (Error error = parse_listeners("--https", texts.https, options.https)) return error;
  if (Error error = options.take(inherited)) return error;
  if (texts.unix_mode) {
    if (Error error = parse_mode(*texts.unix_mode, options.unix_mode)) return error;
  }
  if (texts.memory_limit) {
    if (Error error = parse_memory(*texts.memory_limit, options.memory_limit)) return error;
  }
  if (Error error = parse_times(texts, options)) return error;
  if (Error error = check_operations(texts, options)) return error;
  if (Error error = check_cluster(texts.cluster, options.cluster_secret_file, options.cluster)) {
    return error;
  }
  if (options.empty())
    return {ErrorKind::usage, "nothing to listen on: give --http or --https ADDR:PORT or unix:/PATH"};
  if (options.has_https() && options.tls_cert.empty()) return {ErrorKind::usage, "--https needs --tls-cert FILE"};
  if (options.has_https() && options.tls_key.empty()) return {ErrorKind::usage, "--https needs --tls-key FILE"};
  std::transform(options.domain.begin(), options.domain.end(), options.domain.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (!is_domain(options.domain)) return bad("--domain", options.domain, "must be a DNS name, without a port");
  if (!options.public_url.empty() && !is_site_url(options.public_url)) {
    return bad("--public-url", options.public_url, "must be http://HOST[:PORT] or https://HOST[:PORT]");
  }
  if (!options.landing.empty() && !is_url(options.landing)) {
    return bad("--landing", options.landing, "must be an http:// or https:// URL");
  }
  if (Error error = parse_classic(texts.classic, options)) return error;
  if (!texts.classic_ports.empty()) {
    if (Error error = parse_port_range(texts.classic_ports, options)) return error;
  }
  if (options.classic_bind.empty()) {
    options.classic_bind = default_classic_bind(options);
  } else if (options.classic_bind == every_address) {
    options.classic_bind.clear();
  } else if (!is_ip(options.classic_bind)) {
    return bad("--classic-bind", options.classic_bind, "must be an IP, or all");
  }
  if (texts.max_conn < 1 || texts.max_conn > 1000) {
    return bad("--max-conn", std::to_string(texts.max_conn), "must be from 1 to 1000");
  }
  options.max_conn = texts.max_conn;
  if (Error error = parse_proxies("--proxy", texts.proxies, options.proxies)) return error;
  if (Error error = parse_proxies("--proxy-protocol-from", texts.proxy_protocol_from, options.proxy_protocol_from)) {
    return error;
  }
  const Result<LogLevel> level = parse_log_level(texts.log_level);
  if (!level) return bad("--log-level", texts.log_level, level.error().detail);
  options.log_level = *level;
  const Result<LogFormat> format = parse_log_format(texts.log_format);
  if (!format) return bad("--log-format", texts.log_format, format.error().detail);
  options.log_format = *format;
  return {};
}

void declare_site(CLI::App& app, Texts& texts, Options& options) {
  app.add_option(
         "--http", texts.http,
         "Listen for plain HTTP, over TCP or on a unix socket; may be given more than once; port 0: the system's "
         "choice")
      ->type_name("ADDR:PORT|unix:/PATH");
  app.add_option("--https", texts.https, "Listen for HTTPS; may be given more than once")
      ->type_name("ADDR:PORT|unix:/PATH");
  app.add_option("--unix-mode", texts.unix_mode, "The mode of these unix sockets: who may connect (default: 0660)")
      ->type_name("OCTAL");
  app.add_option("--tls-cert", options.tls_cert, "The certificate chain for --https, PEM")->type_name("FILE");
  app.add_option("--tls-key", options.tls_key, "Its key, PEM")->type_name("FILE");
  app.add_option("--domain", options.domain,
                 "Tunnels are NAME.DOMAIN; the broker itself is DOMAIN (default: localhost)")
      ->type_name("NAME");
  app.add_option("--public-url", options.public_url,
                 "What tunnels' URLs are built from (default: the request's scheme and Host)")
      ->type_name("URL");
  app.add_option("--landing", options.landing, "Where GET / leads (default: a line of text)")->type_name("URL");
  app.add_option("--token-file", options.token_file,
                 "Only who shows one of these tokens may make a tunnel; `broker token new` makes one")
      ->type_name("FILE");
  app.add_option(
         "--proxy", texts.proxies,
         "A load balancer in front, whose X-Forwarded-* count (clients that it does not name in X-Forwarded-For "
         "share the limits of one address); an IP, a network, or unix: all who come by unix sockets; may be given more "
         "than once")
      ->type_name("IP[/BITS]|unix");
}

void declare_front(CLI::App& app, Texts& texts) {
  app.add_option(
         "--proxy-protocol-from", texts.proxy_protocol_from,
         "A load balancer in TCP mode, each of whose connections begins with a PROXY header, version 1 or 2: the "
         "address in it is the visitor's; a connection without one is closed; may be given more than once")
      ->type_name("IP[/BITS]|unix");
}

void declare_classic(CLI::App& app, Texts& texts, Options& options) {
  app.add_option("--classic", texts.classic,
                 "The classic protocol, for stock clients. on: as for agents, with a token where there is a "
                 "--token-file; token: the same, and there must be one; open: without a token even so; off: only "
                 "agents with --mux (default: on)")
      ->type_name("on|open|token|off")
      ->group("Classic");
  app.add_option("--classic-ports", texts.classic_ports, "Where its ports lie (default: the system's choice)")
      ->type_name("LOW-HIGH")
      ->group("Classic");
  app.add_option(
         "--classic-bind", options.classic_bind,
         "The address that they open on; all: every one (default: that of the first --http or --https where all "
         "of these are loopback or unix sockets, otherwise every one)")
      ->type_name("IP|all")
      ->group("Classic");
  app.add_option("--classic-address", options.classic_address,
                 "The `ip` of the JSON: where clients reach this very replica")
      ->type_name("IP")
      ->group("Classic");
  app.add_flag(
         "--classic-any-address", options.classic_any_address,
         "A tunnel's port takes sockets from any address, not only from the one that asked for the tunnel (its /64 "
         "in IPv6): whoever connects first gets visitors' requests")
      ->group("Classic");
  app.add_option("--max-conn", texts.max_conn, "Sockets of one pool (default: 10)")->type_name("N")->group("Classic");
}

void declare_limits(CLI::App& app, Texts& texts, Options& options) {
  app.add_option("--tunnels-per-ip", options.tunnels_per_ip, "Without a token (default: 10)")
      ->type_name("N")
      ->group("Limits");
  app.add_option("--creates-per-ip", options.creates_per_ip, "A minute, without a token (default: 10)")
      ->type_name("N")
      ->group("Limits");
  app.add_flag("!--unpaced", options.paced,
               "Takes agents' links as fast as they come, rather than 100 a second at most; for measurements")
      ->group("Limits");
  app.add_option("--connections-per-ip", options.connections_per_ip, "At once (default: 256)")
      ->type_name("N")
      ->group("Limits");
  app.add_option("--memory-limit", texts.memory_limit,
                 "What is kept for slow readers in all; beyond it streams get small windows, and the one who has read "
                 "nothing for longest is cut (default: a quarter of the machine's memory)")
      ->type_name("SIZE")
      ->group("Limits");
}

void declare_times(CLI::App& app, Texts& texts) {
  app.add_option("--first-byte", texts.first_byte, "The app's time to begin its answer: then 504 (default: 10m)")
      ->type_name("TIME")
      ->group(time_group);
  app.add_option("--body-idle", texts.body_idle, "A silent sender of a body of known length (default: 5m)")
      ->type_name("TIME")
      ->group(time_group);
  app.add_option("--stream-idle", texts.stream_idle,
                 "... of unknown length; an upgraded connection without a byte (default: 1h)")
      ->type_name("TIME")
      ->group(time_group);
  app.add_option("--half-close", texts.half_close,
                 "Silence of the answer to a visitor who has sent FIN: then he has left (default: 5s)")
      ->type_name("TIME")
      ->group(time_group);
  app.add_option("--keep-alive", texts.keep_alive,
                 "An idle connection of a visitor (default: 75s); of a listed proxy 620s at least")
      ->type_name("TIME")
      ->group(time_group);
  app.add_option("--warmup", texts.warmup,
                 "After the start an unknown name is 503 and not 404, for agents are on their way back; 0: never "
                 "(default: 15s)")
      ->type_name("TIME")
      ->group(time_group);
  app.add_option("--drain-delay", texts.drain_delay,
                 "How long it still accepts after it was told to stop, for a balancer to notice and for agents to go "
                 "elsewhere; 0: not at all (default: 5s with --health or --registry redis://, otherwise 0)")
      ->type_name("TIME")
      ->group(time_group);
  app.add_option("--drain-timeout", texts.drain_timeout, "What runs when the broker is told to stop (default: 5m)")
      ->type_name("TIME")
      ->group(time_group);
}

void declare_operations(CLI::App& app, Texts& texts, Options& options) {
  constexpr const char* group = "Operations";
  app.add_option("--health", texts.health, "Serve /healthz, /readyz and /metrics here")
      ->type_name("ADDR:PORT")
      ->group(group);
  app.add_option("--admin", texts.admin,
                 "Serve the operator's page and its API here; beyond loopback only with --admin-token-file")
      ->type_name("ADDR:PORT")
      ->group(group);
  app.add_option("--admin-token-file", options.admin_token_file, "The API is only for who shows the token in it")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--access-log", options.access_log, "One line of JSON for each request; -: on stdout")
      ->type_name("FILE|-")
      ->group(group);
  app.add_option("--access-log-query", texts.access_log_query,
                 "Whether its paths have their query: on or off "
                 "(default: on)")
      ->type_name("on|off")
      ->group(group);
}

void declare_log(CLI::App& app, Texts& texts) {
  app.add_option("--log-level", texts.log_level, "trace, debug, info, warn, error or off (default: info)")
      ->type_name("LEVEL")
      ->group("Log");
  app.add_option("--log-format", texts.log_format, "text or json, on stderr (default: text)")
      ->type_name("FORMAT")
      ->group("Log");
}

constexpr const char* footer =
    "\nExample:\n  broker --http 127.0.0.1:7080 --domain localhost\n  agent expose 8080 --host "
    "http://127.0.0.1:7080\n\n"
    "`broker token --help`: makes, lists and revokes tokens.\n"
    "Sockets that systemd opened (LISTEN_FDS) take the place of --http and --https, by their names or addresses.\n"
    "SIGTERM or SIGINT: accepts no more, finishes what runs (--drain-timeout at most), exits 0; a second one exits "
    "at once.\n"
    "SIGHUP: reads the configuration file, certificates and tokens again, all or nothing; the log says what changed, "
    "and what needs a restart.\n"
    "SIGUSR1, SIGUSR2: logged, and nothing else.\n"
    "Exit codes: 0 asked to stop, 1 failed while running, 2 wrong usage or configuration.";

// An app, and what it fills.
struct Declared {
  Declared() {
    app.set_version_flag("--version", "broker 0.1.0");
    app.option_defaults()->always_capture_default(false);
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);  // parse_words() refuses a second one
    app.add_option(
           "--config", config,
           "Read options from it, too: TOML, each flag without its dashes, as domain = \"tunnel.example\" or http "
           "= [\":80\"]; what the command line says counts before it")
        ->type_name("FILE");
    app.add_flag("--check-config", check_only,
                 "Start nothing: read all that a start would, print a line and exit 0, or the fault and exit 2");
    declare_site(app, texts, options);
    declare_front(app, texts);
    declare_classic(app, texts, options);
    declare_limits(app, texts, options);
    declare_times(app, texts);
    declare_cluster(app, texts.cluster, options.cluster_secret_file, options.cluster);
    declare_operations(app, texts, options);
    declare_log(app, texts);
    app.footer(footer);
  }
  Declared(const Declared&) = delete;

  CLI::App app{"Tenfold's broker: gives local apps a public URL, for classic localtunnel clients and for `agent`.",
               "broker"};
  Options options;
  Texts texts;
  std::string config;
  bool check_only = false;
};

}  // namespace

Result<ParsedOptions> parse_options(int argc, const char* const* argv, const std::vector<InheritedSocket>& inherited) {
  std::vector<std::string> words(argv + 1, argv + argc);
  Declared line;  // the command line alone
  Result<std::string> print = parse_words(line.app, words);
  if (!print) return print.error();
  ParsedOptions parsed;
  parsed.print = *std::move(print);
  if (!parsed.print.empty()) return parsed;
  if (line.app.get_option("--config")->count() != 0) {
    Result<ConfigWords> file = config_words(line.config, line.app);
    if (!file) return file.error();
    words.insert(words.end(), file->words.begin(), file->words.end());
    parsed.places = std::move(file->places);
  }
  Declared whole;
  if (const Result<std::string> both = parse_words(whole.app, words); !both) return parsed.places.placed(both.error());
  if (const Error error = check(whole.texts, inherited, whole.options)) return parsed.places.placed(error);
  parsed.options = std::move(whole.options);
  parsed.options.given = given_flags(whole.app);
  parsed.check_only = line.check_only;
  return parsed;
}

}  // namespace tenfold::broker
