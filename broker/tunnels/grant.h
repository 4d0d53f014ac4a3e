// What the broker's own site hands to link/ and classic/ when a new tunnel is granted: so those two do not look up at
// the desk, and the desk does not know how a tunnel of either kind is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "broker/tunnels/name_table.h"
#include "duplex.h"

namespace tenfold::broker {

// The connection is to become a link: answer 101, then hand it to the link side with this.
struct LinkGrant {
  Claim claim;
  std::string url;  // the tunnel's public one
  Claimant who;     // of all tunnels of the link
  std::string client_ip;
  std::string token{};                            // the name of the operator's token that it came with; empty: none
  std::shared_ptr<const VisitorPolicy> policy{};  // null: everybody may come
};

// Takes over connections that became agents' links.
class LinkOpener {
 public:
  // `peer`: the agent's IP:PORT. `early`: bytes behind the handshake, not credited.
  virtual void open_link(std::unique_ptr<Duplex> connection, LinkGrant grant, std::string_view peer, Bytes early) = 0;

 protected:
  ~LinkOpener() = default;
};

// Opens the port of a classic tunnel.
class ClassicDoor {
 public:
  // The port, or why there is none. The tunnel attaches itself to the claim.
  // `token`: the name of the one that it was asked for with; empty: none.
  virtual Result<std::uint16_t> open_classic(const Claim& claim, std::string_view client_ip,
                                             std::string_view token) = 0;
  virtual std::size_t max_conn() const = 0;

 protected:
  ~ClassicDoor() = default;
};

}  // namespace tenfold::broker
