// The handshake that makes a link of a request: what each end decides, as tables. The HTTP/1.1
// around it is the callers' (broker/link, agent/session); this is the part that must be the same on both sides.
// Specification: docs/PROTOCOL.md, "Handshake".
#pragma once

#include <optional>
#include <string_view>

#include "base/time.h"

namespace tenfold::handshake {

inline constexpr std::string_view upgrade_token = "tenfold/1";
inline constexpr std::string_view resume_field = "Tenfold-Resume";
inline constexpr std::string_view alpn = "http/1.1";
inline constexpr std::string_view control_authority = "control";
inline constexpr std::string_view peer_field = "tenfold-peer";
inline constexpr std::string_view cause_field = "tenfold-cause";

// ---- The agent's side: what an answer means.

struct Answer {
  int status = 0;            // 0: closed without a byte
  bool upgraded = false;     // 101 with `Connection: Upgrade` and `Upgrade: tenfold/1`
  bool has_code = false;     // the body is JSON with our `code`
  bool has_classic = false;  // 200 with the classic JSON: id and port
};

enum class Next {
  link,         // the connection is a link now
  pool,         // use the JSON for the classic pool
  ask_classic,  // ask once more without Upgrade
  refused,      // for good: name, token
  retry,        // refused for now: come back after Retry-After, or the backoff
  broken,       // neither: a fault of the peer; come back after the backoff
};

// `require`: --mux=require, so that pool and ask_classic become refused.
Next read_answer(const Answer& answer, bool require);

// ---- The broker's side: what it refuses with.

enum class Refusal {
  none,
  bad_name,
  name_taken,
  unauthorized,
  forbidden,
  limit,
  rate,
  draining,
  classic_off,
  bad_request
};

struct RefusalForm {
  int status;
  std::string_view code;     // stable, for programs
  std::string_view message;  // for people
};
RefusalForm form(Refusal refusal);

}  // namespace tenfold::handshake
