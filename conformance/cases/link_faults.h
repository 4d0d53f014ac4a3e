// What breaks a link of either side: frames that RFC 9113 calls a connection error, and rows of frames that nobody
// needs. The same lists are held against servers (mux_errors.cc) and clients (client_errors.cc).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "conformance/wire/link_peer.h"

namespace tenfold::conformance {

struct LinkFault {
  const char* id;
  const char* what;
  const char* rfc;  // the section of RFC 9113
  // On a link with `open`, a stream that both know and that runs.
  std::function<void(LinkPeer& peer, std::uint32_t open)> send;
  std::vector<std::uint32_t> codes;  // what GOAWAY may say; an end without GOAWAY is taken as well
};

std::vector<LinkFault> link_faults();

// Allowed, however odd: nothing happens.
struct LinkOddity {
  const char* id;
  const char* what;
  std::function<void(LinkPeer& peer, std::uint32_t open)> send;
};
std::vector<LinkOddity> link_oddities();

struct LinkFlood {
  const char* id;
  const char* what;
  std::function<std::string(std::uint32_t open)> frame;  // sent 30,000 times at most
};
std::vector<LinkFlood> link_floods();

// Sends one until the target ends the link; throws when it does not.
void flood(LinkPeer& peer, const std::string& frame);
// A header block of some 3 MB in 5 KB: one field put into the table, then named again and again.
std::string header_bomb();

}  // namespace tenfold::conformance
