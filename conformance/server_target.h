// ServerTarget: a broker under test, as one case sees it: where visitors and clients connect, how tunnels are made.
// On loopback each case comes from an address of its own (127.x.y.z), so that limits by address that one case runs
// into do not meet the others.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "conformance/process.h"
#include "conformance/wire/http1.h"

namespace tenfold::conformance {

struct ServerOptions {
  Endpoint at;       // of --host
  bool tls = false;  // ... and https://
  std::string domain;
  std::string ca_file;
  bool insecure = false;
  std::string token;
  bool mux = false;     // tenfold/1 as well
  std::string command;  // starts one more such server: {port}, {domain}, {max_conn}
  Millis waiting{12s};  // how long a visitor without a socket may be left waiting
};

struct Tunnel {
  std::string id;
  std::string url;
  std::uint16_t port = 0;
  unsigned max_conn_count = 0;
};

class OwnServer;

class ServerTarget {
 public:
  ServerTarget(const ServerOptions& options, unsigned number);

  const ServerOptions& options() const { return options_; }

  // A connection to the public port from the case's `k`-th address.
  Socket dial(unsigned k = 0, Deadline deadline = in(patience));
  Http visit(unsigned k = 0) { return Http(dial(k)); }
  // One request on a connection of its own.
  Message ask(std::string_view method, std::string_view path, const std::string& host, const FieldList& fields = {},
              std::string_view body = {}, unsigned k = 0);

  std::string own_host() const;                        // the broker's domain, with the port
  std::string host_of(const std::string& name) const;  // NAME.DOMAIN, with the port
  std::string fresh_name() const;                      // one that nobody has
  FieldList credentials() const;                       // Authorization, when there is a token

  // GET /?new, or GET /NAME; fails the case when that is not granted.
  Tunnel create(const std::string& name = "", unsigned k = 0);
  // A raw socket to the tunnel's port.
  Http open_socket(const Tunnel& tunnel, unsigned k = 0);
  unsigned connected_sockets(const Tunnel& tunnel);  // as the server counts them

  // One more server, this case's alone; skips the case without --command.
  OwnServer launch(unsigned max_conn = 10, Millis within = 20s);

  // A server that runs elsewhere writes nothing that a case could show.
  std::vector<std::string> last_words() const { return {}; }

 private:
  std::string source(unsigned k) const;

  ServerOptions options_;
  unsigned number_;
};

// A server that a case started by itself.
class OwnServer {
 public:
  OwnServer(std::unique_ptr<Process> running, ServerTarget at) : process(std::move(running)), target(std::move(at)) {}
  std::unique_ptr<Process> process;
  ServerTarget target;
};

// The id, port, … of the classic JSON; fails the case when it is not that.
Tunnel read_tunnel(const Message& answer);

// The sockets of one tunnel, and whichever of them a request comes on.
class Pool {
 public:
  Pool(ServerTarget& target, const Tunnel& tunnel, unsigned count);

  struct Taken {
    Http& socket;
    Message request;
  };
  // The next request on any of them, whole. A socket that the server closed is left out.
  Taken take(Deadline deadline = in(patience));
  // The one on which the next bytes come, unread; throws Timeout.
  Http& next_readable(Deadline deadline = in(patience));
  bool silent(Millis within);  // no socket gets anything, not even an end

  std::vector<Http>& sockets() { return sockets_; }

 private:
  std::vector<Http> sockets_;
};

}  // namespace tenfold::conformance
