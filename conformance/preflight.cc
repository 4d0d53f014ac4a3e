// Checks that the target is there: see preflight.h.
#include "conformance/preflight.h"

namespace tenfold::conformance {
namespace {

std::string said(ClientRun& run) {
  const std::string words = joined(run.process->last_lines());
  return words.empty() ? "" : "; it said: " + words;
}

}  // namespace

void check_server(const ServerOptions& options) {
  const std::string at = to_string(options.at);
  const Deadline deadline = in(8s);
  Http client;
  try {
    client = Http(Socket::connect(options.at, "", deadline));
  } catch (const Failure& error) {
    throw Unusable("no server to test: " + std::string(error.what()));
  }
  try {
    if (options.tls) {
      client.socket().start_tls({options.domain, options.ca_file, !options.insecure, "http/1.1"}, deadline);
    }
  } catch (const Timeout&) {
    throw Unusable(at + " takes the connection and does not answer the TLS handshake within 8 s");
  } catch (const Failure& error) {
    throw Unusable(at + " does not speak TLS as wanted (" + error.what() + "); use http://, --ca FILE or --insecure");
  }
  try {
    client.send(request("GET", "/api/status", options.domain), deadline);
    const std::string first = client.read_some(deadline);
    if (!options.tls && (first.starts_with("\x15\x03") || first.find("HTTPS port") != std::string::npos)) {
      throw Unusable(at + " speaks TLS; use https://");
    }
    if (first.empty()) throw Unusable(at + " closes the connection without an answer (TLS? use https://)");
    if (!first.starts_with("HTTP/1.")) throw Unusable(at + " does not speak HTTP/1.1");
  } catch (const Timeout&) {
    throw Unusable(at + " takes the connection and does not answer within 8 s");
  } catch (const Lost&) {
    throw Unusable(at + " breaks the connection without an answer (TLS? use https://)");
  }
}

void check_client(const ClientOptions& options) {
  if (options.command.empty()) throw Unusable("give --command: what starts the client, with {port} and {host} in it");
  for (const char* hole : {"{port}", "{host}"}) {
    if (options.command.find(hole) == std::string::npos)
      throw Unusable("--command: " + std::string(hole) + " is not in it");
  }
  ClientTarget target(options);
  ClientRun run(target);
  const Deadline deadline = in(8s);
  try {
    Http connection = run.accept_ask(deadline);
    const std::string first = connection.read_some(deadline);
    if (first.starts_with("\x16\x03")) throw Unusable("the command speaks TLS to {host}, which is an http:// URL");
    if (first.empty()) throw Unusable("the command connects to {host} and hangs up without a word");
    if (!first.starts_with("GET "))
      throw Unusable("the command's first bytes to {host} are no GET: " + first.substr(0, 80));
  } catch (const Timeout&) {
    throw Unusable("the command asks for no tunnel within 8 s: " + options.command + said(run));
  } catch (const Failure& failure) {
    throw Unusable(failure.what() + said(run));
  }
}

}  // namespace tenfold::conformance
