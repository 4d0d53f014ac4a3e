// Names of tunnels: one DNS label each, in lower case. The same rule is said in words in mux/handshake.h (name_rule),
// and held by the agent before it asks (agent/options.cc, agent/links/broker_json.cc).
#pragma once

#include <string>
#include <string_view>

namespace tenfold::broker {

// 1 to 63 of a-z, 0-9 and, not at either end, '-': a DNS label (RFC 1035 2.3.4). The reference's grammar
// (docs/CLASSIC.md) wants 4 at least, and 6 with a dash. `control` is the link's own stream, and no name.
bool is_tunnel_name(std::string_view name);

// A name that nobody asked for: two plain words and 40 bits of randomness, as
// "calm-otter-7f3kq2mz": can be read aloud, not guessed.
std::string random_tunnel_name();

// The same in place of the pattern's first `*` (broker/admission/name_glob.h), or only its last word where both would
// be too long; other `*` are left out. The result need not be a name: of "*-" nothing good comes.
std::string random_tunnel_name(std::string_view glob);

}  // namespace tenfold::broker
