// Faults for a link's peer on either side: frames that RFC 9113 calls a connection error, and floods. The same lists
// are used against servers (mux_errors.cc) and clients (client_errors.cc).
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
  // `open`: a running stream that both sides know.
  std::function<void(LinkPeer& peer, std::uint32_t open)> send;
  std::vector<std::uint32_t> codes;  // the allowed codes of GOAWAY; an end without GOAWAY is accepted too
};

std::vector<LinkFault> link_faults();

// Unusual but allowed: nothing happens.
struct LinkOddity {
  const char* id;
  const char* what;
  std::function<void(LinkPeer& peer, std::uint32_t open)> send;
};
std::vector<LinkOddity> link_oddities();

struct LinkFlood {
  const char* id;
  const char* what;
  std::function<std::string(std::uint32_t open)> frame;  // sent at most 30,000 times
};
std::vector<LinkFlood> link_floods();

// Sends this flood until the target ends the link; throws if it does not.
void flood(LinkPeer& peer, const std::string& frame);
// A header block of about 3 MB in 5 KB: one field is added to the table, then referenced repeatedly.
std::string header_bomb();

}  // namespace tenfold::conformance
