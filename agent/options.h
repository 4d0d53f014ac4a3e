// What the command line and the environment ask of the agent. A pure function; the only file pair that
// knows CLI11.
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
  require,  // --mux=require: one link or nothing
};

// A tunnel that is asked for.
struct TunnelOptions {
  Endpoint target;        // the local app
  std::string subdomain;  // the name asked for; empty: any
};

struct Options {
  std::vector<TunnelOptions> tunnels;  // in the order of the command line; one at least
  Endpoint broker;                     // --host
  Mux mux = Mux::off;
  std::string token;
  std::string ca_file;     // empty: the system's roots
  bool insecure = false;   // takes any certificate of the broker's
  std::string local_host;  // what every request's Host becomes; empty: as the visitor wrote it
  bool print_requests = false;
  bool no_keep_alive = false;  // one connection to the app for each request
  Duration first_byte{};       // how long the app may take to begin an answer; zero: as long as the broker lets it
  bool json = false;
  bool allow_remote_ip = false;  // a classic server may send the pool to another address than its own
  std::string state_dir;         // what is kept over restarts; empty: nothing is
  LogLevel log_level = LogLevel::warn;
};

struct CommandLine {
  Options options;
  std::string print;  // --help or --version: print this on stdout and exit 0; otherwise empty
};

// The value of an environment variable, or null.
using Environment = std::function<const char*(const char*)>;

// `arguments` without the program's name. Errors (usage) are one line that names the flag and its value.
Result<CommandLine> parse_command_line(std::span<const std::string> arguments, const Environment& environment);

}  // namespace tenfold
