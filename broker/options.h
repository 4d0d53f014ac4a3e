// The operator's options, from the command line or a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/result.h"
#include "broker/admission/proxy_list.h"
#include "broker/cluster_options.h"
#include "broker/config.h"
#include "broker/front/listeners.h"
#include "broker/rules.h"
#include "http/patience.h"
#include "io/log_sink.h"
#include "io/tcp_listener.h"

namespace tenfold::broker {

struct Options : Listeners {
  unsigned unix_mode = TcpListener::default_unix_mode;  // the file mode of each unix socket that it opens
  std::string tls_cert;
  std::string tls_key;
  std::string domain = "localhost";
  std::string public_url;
  std::string landing;
  bool classic = true;
  bool classic_without_token = false;  // --classic open: even where there is a token file
  std::uint16_t classic_port_low = 0;
  std::uint16_t classic_port_high = 0;
  std::string classic_bind;          // the address of the classic ports; empty: every address
  bool classic_any_address = false;  // accept sockets of a classic tunnel from any address
  std::string classic_address;
  std::size_t max_conn = rules::classic_sockets;
  std::string token_file;
  ClusterOptions cluster;
  std::string cluster_secret_file;  // the keys of resume tokens; empty: a random one, of this process
  ProxyList proxies;
  ProxyList proxy_protocol_from;  // balancers whose connections begin with a PROXY header
  std::size_t tunnels_per_ip = rules::tunnels_per_ip;
  std::size_t creates_per_ip = rules::creates_per_ip;
  bool paced = true;  // agents' links, when many come at once
  std::size_t connections_per_ip = rules::connections_per_ip;
  std::size_t memory_limit = 0;  // bytes that are kept for slow readers; 0: a quarter of the machine's memory
  http::Patience patience;
  Duration keep_alive_proxy = rules::keep_alive_idle_proxy;  // --keep-alive, for a listed proxy
  Duration warmup = rules::warmup_time;                      // zero: none
  std::optional<Duration> drain_delay;  // none: settings.h's drain_times() says it, of rules::drain_delay
  Duration drain_time = rules::drain_timeout;
  std::optional<Address> health;  // where /healthz, /readyz and /metrics are served
  std::optional<Address> admin;   // where the operator's page and API are
  std::string admin_token_file;
  std::string access_log;  // a file, "-" for stdout, or empty: none
  bool access_log_query = true;
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::text;
  // All of these as the operator gave them, by flag: to say at a reload which have changed.
  GivenFlags given;
};

struct ParsedOptions {
  Options options;
  ConfigPlaces places;      // of the options that came from a file, for errors that are found later
  bool check_only = false;  // --check-config
  std::string print;        // not empty: print this and exit 0 (--help, --version)
};

// Reads the configuration file, too. `inherited`: sockets that take the place of --http and --https. Errors (usage):
// one line that names the flag and the value, or the file, the line and the key.
Result<ParsedOptions> parse_options(int argc, const char* const* argv,
                                    const std::vector<InheritedSocket>& inherited = {});

}  // namespace tenfold::broker
