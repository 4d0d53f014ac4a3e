// Tunnel: one of the agent's tunnels: what is requested, and what the broker granted last. Owned by the agent; a link
// and a pool borrow it, and store their results here.
#pragma once

#include <string>
#include <utility>

#include "agent/forward/forwarding.h"
#include "base/time.h"

namespace tenfold {

struct Tunnel {
  Tunnel(Forwarding& where, std::string asked_for) : forwarding(where), wanted(std::move(asked_for)) {}

  Forwarding& forwarding;
  const std::string wanted;  // the requested name; empty: any

  std::string name;          // the last granted name; empty: none yet, or none that can be requested
  std::string resume_token;  // ... and its token
  bool was_up = false;       // it was up before
  bool pooled = false;       // it is up on a classic pool
  bool refused = false;      // permanently: it is not requested any more
  bool passed_over = false;  // its name did not open a link, but may be granted later: another tunnel's name is tried
                             // first
  TimePoint ghost_until{};   // until then the broker may hold its name for an unanswered request of ours

  TunnelStatus& status() const { return forwarding.status; }

  // A tunnel on a pool moves with its name, even if the server gave it another one than requested.
  const std::string& asked_name() const { return wanted.empty() || pooled ? name : wanted; }
  void forget_name() {
    name.clear();
    resume_token.clear();
  }
};

// What to do with a tunnel that a broker does not grant.
enum class Verdict {
  another_name,  // its assigned name belongs to another agent: any other will do
  later,         // the same request again, later
  for_good,
};

// `about_name`: the name is the reason. `taken`: the name is in use, possibly by an earlier request of ours.
inline Verdict judge_refusal(const Tunnel& tunnel, bool about_name, bool taken, TimePoint now) {
  if (about_name && tunnel.was_up && tunnel.wanted.empty() && !tunnel.name.empty()) return Verdict::another_name;
  // Temporary: a name that we had and that was taken over, or that our own earlier request holds.
  if ((about_name && tunnel.was_up) || (taken && now < tunnel.ghost_until)) return Verdict::later;
  return Verdict::for_good;
}

}  // namespace tenfold
