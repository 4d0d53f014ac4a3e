// Tunnel: one of the agent's tunnels: what is asked for, and what the broker granted last. Owned by the agent; a link
// and a pool borrow it, and what they learn of it stays here when they are lost.
#pragma once

#include <string>
#include <utility>

#include "agent/forward/forwarding.h"
#include "base/time.h"

namespace tenfold {

struct Tunnel {
  Tunnel(Forwarding& where, std::string asked_for) : forwarding(where), wanted(std::move(asked_for)) {}

  Forwarding& forwarding;
  const std::string wanted;  // the name asked for; empty: any

  std::string name;          // that it had last; empty: none yet, or none that can be asked for
  std::string resume_token;  // ... and what proves it
  bool was_up = false;       // it stood at some time
  bool pooled = false;       // it stands on a classic pool
  bool refused = false;      // for good: it is not asked for any more
  bool passed_over = false;  // its name did not open a link, and may be granted later: another one's is to open it
  TimePoint ghost_until{};   // the broker may hold its name for a request of ours whose answer did not come

  TunnelStatus& status() const { return forwarding.status; }

  // The tunnel that stands on a pool moves with its name, even where the server gave another one than was asked for.
  const std::string& asked_name() const { return wanted.empty() || pooled ? name : wanted; }
  void forget_name() {
    name.clear();
    resume_token.clear();
  }
};

// What becomes of a tunnel that a broker does not grant.
enum class Verdict {
  another_name,  // somebody else has the name that it was given: any other will do
  later,         // the same again, after a while
  for_good,
};

// `about_name`: the name is the reason. `taken`: somebody has it, which may be a ghost of our own.
inline Verdict judge_refusal(const Tunnel& tunnel, bool about_name, bool taken, TimePoint now) {
  if (about_name && tunnel.was_up && tunnel.wanted.empty() && !tunnel.name.empty()) return Verdict::another_name;
  // What worked before and was taken over meanwhile can heal, as can what stands in our own way.
  if ((about_name && tunnel.was_up) || (taken && now < tunnel.ghost_until)) return Verdict::later;
  return Verdict::for_good;
}

}  // namespace tenfold
