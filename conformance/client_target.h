// ClientTarget: a client under test, given by the command that starts it. Each case starts it once (ClientRun) and
// plays the server and the application.
//
//   ClientRun run(target);
//   ClientRun::Ask ask = run.take_ask();      // GET /?new
//   run.grant(ask, 3);                        // the classic JSON, three sockets
//   Http socket = run.accept_pool();
//   socket.send(request("GET", "/", "x"));
//   Http app = run.accept_app();
#pragma once

#include <memory>
#include <optional>

#include "conformance/process.h"
#include "conformance/wire/link_peer.h"
#include "conformance/wire/tls.h"

namespace tenfold::conformance {

struct ClientOptions {
  std::string command;  // {port}: the local application's, {host}: the server's URL
  bool mux = false;     // the command speaks tenfold/1, and is tested for it
  bool flags = true;    // it accepts lt's --subdomain and --local-host
};

class ClientTarget {
 public:
  explicit ClientTarget(const ClientOptions& options) : options_(options) {}
  const ClientOptions& options() const { return options_; }

  // The last output of the last run's command; empty while it runs.
  const std::vector<std::string>& last_words() const { return last_words_; }

 private:
  friend class ClientRun;
  ClientOptions options_;
  std::vector<std::string> last_words_;
};

struct RunWish {
  std::string flags = {};          // appended to the command; skips the case if the command takes none
  std::uint16_t app_port = 0;      // 0: the run's own listener
  std::string host = "127.0.0.1";  // in the URL
  bool server_down = false;        // at first, nothing listens there
};

class ClientRun {
 public:
  explicit ClientRun(ClientTarget& target, const RunWish& wish = {});
  ~ClientRun();

  struct Ask {
    Http connection;
    Message request;
  };
  Ask take_ask(Deadline deadline = in(15s));
  Http accept_ask(Deadline deadline = in(15s));  // only its connection
  // Starts the command again, as its user would: with only its stored state.
  void restart();
  // Sends the classic JSON; `more`: further members, as ",\"ip\":\"…\"".
  void grant(Ask& ask, unsigned sockets, const std::string& more = "");
  // take_ask() and grant().
  void start(unsigned sockets, const std::string& more = "");

  Http accept_pool(Deadline deadline = in(patience)) { return Http(pool.accept(deadline)); }
  Http accept_app(Deadline deadline = in(patience)) { return Http(app.accept(deadline)); }

  static constexpr const char* name = "blue-fox";
  std::string url() const;

  Listener server;
  Listener pool;
  Listener app;
  std::unique_ptr<Process> process;

 private:
  ClientTarget& target_;
  const std::shared_ptr<const StateHome> state_;
  std::string line_;  // the command with its values filled in
};

// Sends an answer with this JSON or text, and closes its connection.
void answer_and_close(ClientRun::Ask& ask, int status, const std::string& body, const FieldList& fields = {});

// The broker's end of a link with the client, played by a case: 101, preface, control stream, Registered and Welcome
// are done.
class BrokerLink {
 public:
  explicit BrokerLink(ClientRun& run) : BrokerLink(run.take_ask()) {}
  explicit BrokerLink(ClientRun::Ask ask);

  std::uint32_t open(const FieldList& more = {{"tenfold-peer", "198.51.100.7:4000"}}) {
    return peer->open(ClientRun::name, more);
  }
  // A stream, answered with 200, and its connection to the application.
  std::pair<std::uint32_t, Http> open_to(ClientRun& run);
  // Fails the case unless a whole exchange through the run's application succeeds.
  void expect_works(ClientRun& run);

  Message asked;
  std::unique_ptr<LinkPeer> peer;

  static constexpr std::string_view token = {
      "\x00\x01\xfd\xfe\xff"
      "resume",
      11};

 private:
  Http app_of(ClientRun& run);  // the connection whose first byte is "G"
};

}  // namespace tenfold::conformance
