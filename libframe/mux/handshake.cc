#include "mux/handshake.h"

#include <array>

namespace tenfold::handshake {

namespace {

// One row of docs/PROTOCOL.md's table of answers: the first that fits decides.
struct Row {
  int least;  // status
  int most;
  std::optional<bool> upgraded;
  std::optional<bool> has_code;
  std::optional<bool> has_classic;
  Next next;
};

constexpr std::array answers = {
    Row{101, 101, true, {}, {}, Next::link},
    // A classic server, or a proxy that took the Upgrade away.
    Row{200, 200, {}, {}, true, Next::pool},
    // The reference server destroys any Upgrade on its own domain.
    Row{0, 0, {}, {}, {}, Next::ask_classic},
    // Without our code it was not our broker that spoke.
    Row{400, 599, {}, false, {}, Next::ask_classic},
    Row{429, 429, {}, true, {}, Next::retry},
    Row{400, 499, {}, true, {}, Next::refused},
    Row{500, 599, {}, true, {}, Next::retry},
};

constexpr bool fits(const Row& row, const Answer& answer) {
  const auto same = [](std::optional<bool> wanted, bool is) { return !wanted || *wanted == is; };
  return answer.status >= row.least && answer.status <= row.most && same(row.upgraded, answer.upgraded) &&
         same(row.has_code, answer.has_code) && same(row.has_classic, answer.has_classic);
}

struct RefusalRow {
  Refusal refusal;
  RefusalForm form;
};

constexpr std::array refusals = {
    RefusalRow{Refusal::none, {200, "", ""}},
    // The text is the reference server's: stock clients show it.
    RefusalRow{Refusal::bad_name,
               {403, "bad-name",
                "Invalid subdomain. Subdomains must be lowercase and between 4 and 63 alphanumeric characters."}},
    RefusalRow{Refusal::name_taken, {409, "name-taken", "This name is in use."}},
    RefusalRow{Refusal::unauthorized,
               {401, "unauthorized", "This server wants a token, and yours is missing or unknown."}},
    RefusalRow{Refusal::forbidden, {403, "forbidden", "Your token does not allow this name."}},
    RefusalRow{Refusal::limit, {429, "limit", "Too many tunnels are open from your address."}},
    RefusalRow{Refusal::rate, {429, "rate", "Too many tunnels were asked for in a short time."}},
    RefusalRow{Refusal::draining, {503, "draining", "This server is going down. Try again in a moment."}},
    RefusalRow{Refusal::classic_off,
               {426, "upgrade-required", "This server speaks tenfold/1 only: ask with Upgrade: tenfold/1."}},
    RefusalRow{Refusal::bad_request, {400, "bad-request", "This request is not one that opens a tunnel."}},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < refusals.size(); ++i) {
    if (static_cast<std::size_t>(refusals[i].refusal) != i) return false;
  }
  return refusals.size() == static_cast<std::size_t>(Refusal::bad_request) + 1;
}
static_assert(in_order(), "a row for each refusal, in the order of the enum");

}  // namespace

Next read_answer(const Answer& answer, bool require) {
  for (const Row& row : answers) {
    if (!fits(row, answer)) continue;
    const bool falls_back = row.next == Next::pool || row.next == Next::ask_classic;
    return require && falls_back ? Next::refused : row.next;
  }
  return Next::broken;
}

RefusalForm form(Refusal refusal) { return refusals[static_cast<std::size_t>(refusal)].form; }

}  // namespace tenfold::handshake
