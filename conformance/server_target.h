// ServerTarget: a broker under test, as one case sees it: where visitors and clients connect, and how tunnels are made.
// On loopback each case uses its own addresses (127.x.y.z), so that limits by address that one case reaches do not
// affect others.
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
  bool mux = false;     // it speaks tenfold/1 as well
  std::string command;  // starts one more server of this kind: {port}, {domain}, {max_conn}
  Millis waiting{12s};  // how long a visitor may wait for a socket
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
  // One request on a new connection.
  Message ask(std::string_view method, std::string_view path, const std::string& host, const FieldList& fields = {},
              std::string_view body = {}, unsigned k = 0);

  std::string own_host() const;                        // the broker's domain, with the port
  std::string host_of(const std::string& name) const;  // NAME.DOMAIN, with the port
  std::string fresh_name() const;                      // an unused one
  FieldList credentials() const;                       // Authorization, if there is a token

  // GET /?new, or GET /NAME; fails the case unless it is granted.
  Tunnel create(const std::string& name = "", unsigned k = 0);
  // A raw socket to the tunnel's port.
  Http open_socket(const Tunnel& tunnel, unsigned k = 0);
  unsigned connected_sockets(const Tunnel& tunnel);  // as reported by the server

  // One more server, for this case only; skips the case without --command.
  OwnServer launch(unsigned max_conn = 10, Millis within = 20s);

  // Empty: the output of a server that runs elsewhere is not known.
  std::vector<std::string> last_words() const { return {}; }

 private:
  std::string source(unsigned k) const;

  ServerOptions options_;
  unsigned number_;
};

// A server that a case started.
class OwnServer {
 public:
  OwnServer(std::unique_ptr<Process> running, ServerTarget at) : process(std::move(running)), target(std::move(at)) {}
  std::unique_ptr<Process> process;
  ServerTarget target;
};

// The id, port, … of the classic JSON; fails the case if it is malformed.
Tunnel read_tunnel(const Message& answer);

// The sockets of one tunnel; takes requests from any of them.
class Pool {
 public:
  Pool(ServerTarget& target, const Tunnel& tunnel, unsigned count);

  struct Taken {
    Http& socket;
    Message request;
  };
  // The next complete request on any of them. A socket that the server closed is dropped.
  Taken take(Deadline deadline = in(patience));
  // The socket on which the next bytes arrive, unread; throws Timeout.
  Http& next_readable(Deadline deadline = in(patience));
  bool silent(Millis within);  // no socket receives anything, not even an end

  std::vector<Http>& sockets() { return sockets_; }

 private:
  std::vector<Http> sockets_;
};

}  // namespace tenfold::conformance
