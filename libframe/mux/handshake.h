// The handshake that makes a link of a request: what each end decides, as tables. The HTTP/1.1
// around it is the callers' (broker/desk, agent/links); this is the part that must be the same on both sides.
// Specification: docs/PROTOCOL.md, "Handshake".
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/time.h"

namespace tenfold::handshake {

inline constexpr std::string_view upgrade_token = "tenfold/1";
inline constexpr std::string_view offer_field = "Tenfold-Offer";
inline constexpr std::string_view resume_field = "Tenfold-Resume";
inline constexpr std::string_view register_field = "Tenfold-Register";
inline constexpr std::string_view alpn = "http/1.1";
inline constexpr std::string_view control_authority = "control";
inline constexpr std::string_view name_rule =
    "a name has 1 to 63 of a-z, 0-9 and -, with no - first or last, and is not control";
inline constexpr std::string_view bad_name_text =
    "Invalid subdomain: a name has 1 to 63 of a-z, 0-9 and -, with no - first or last, and is not control.";
static_assert(bad_name_text.substr(19, name_rule.size()) == name_rule, "one rule, one text");

// ---- The agent's side: what an answer means.

// What a request asked for.
enum class Question {
  upgrade,  // a link: with Upgrade, and the offer of tenfold/1
  offer,    // the second question: the offer, but no Upgrade
  classic,  // neither: its user wants the classic pool
};

struct Answer {
  int status = 0;            // 0: closed without a byte
  bool upgraded = false;     // 101 with `Connection: Upgrade` and `Upgrade: tenfold/1`
  bool has_code = false;     // the body is JSON with our `code`
  bool has_classic = false;  // 200 with the classic JSON: id and port
};

enum class Next {
  link,          // the connection is a link now
  classic,       // a classic server's grant
  ask_offer,     // says nothing about the server: ask the second question
  upgrade_lost,  // the server speaks tenfold/1, and the Upgrade did not reach it
  refused,       // for good: name, token
  retry,         // refused for now: come back after Retry-After, or the backoff
  broken,        // none of these: a fault on the way; come back after the backoff
};

// What the answer to an agent that wants a link means; `question` is upgrade or offer. Only a server that has never
// heard of the offer answers it with a grant, so nothing but a grant is ever read as a classic server.
Next read_answer(Question question, const Answer& answer);

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
  registry_away,
  classic_off,
  upgrade_lost,
  bad_request,
  banned,
  busy,
};
inline constexpr std::size_t refusals = static_cast<std::size_t>(Refusal::busy) + 1;

struct RefusalForm {
  int status;
  std::string_view code;     // stable, for programs
  std::string_view message;  // for people
};
RefusalForm form(Refusal refusal);

}  // namespace tenfold::handshake
