// The options of the agent, from the command line and the environment. A pure function; only these two files use CLI11.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "agent/targets/endpoint.h"
#include "base/log.h"
#include "base/result.h"
#include "base/time.h"

namespace tenfold {

enum class Mux {
  off,      // the classic pool
  prefer,   // --mux: one link, and the pool where the server is a classic one
  require,  // --mux=require: one link, no pool
};

// A requested tunnel.
struct TunnelOptions {
  Endpoint target;        // the local app
  std::string subdomain;  // the requested name; empty: any
};

struct Options {
  std::vector<TunnelOptions> tunnels;  // in the order of the command line; at least one
  Endpoint broker;                     // --host
  Mux mux = Mux::off;
  std::string token;
  std::string ca_file;     // empty: the system's roots
  bool insecure = false;   // accepts any certificate of the broker
  std::string local_host;  // the Host of every request to the app; empty: unchanged
  bool print_requests = false;
  bool no_keep_alive = false;  // one connection to the app for each request
  Duration first_byte{};       // the app's time to begin an answer; zero: only the broker limits it
  bool json = false;
  bool allow_remote_ip = false;  // a classic server may send the pool to another address than its own
  std::string state_dir;         // the folder of state kept over restarts; empty: none
  LogLevel log_level = LogLevel::warn;
};

struct CommandLine {
  Options options;
  std::string print;  // the output of --help or --version, to print on stdout and exit 0; otherwise empty
};

// The value of an environment variable, or null.
using Environment = std::function<const char*(const char*)>;

// `arguments`: without the program's name. Errors (usage) are one line that names the flag and its value.
Result<CommandLine> parse_command_line(std::span<const std::string> arguments, const Environment& environment);

}  // namespace tenfold
