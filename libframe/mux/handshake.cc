#include "mux/handshake.h"

#include <array>

namespace tenfold::handshake {

namespace {

// One row of docs/PROTOCOL.md's table of answers: the first that fits decides.
struct Row {
  std::optional<Question> question;
  int least;  // status
  int most;
  std::optional<bool> upgraded;
  std::optional<bool> has_code;
  std::optional<bool> has_classic;
  Next next;
};

constexpr std::array answers = {
    Row{Question::upgrade, 101, 101, true, {}, {}, Next::link},
    Row{{}, 200, 200, {}, {}, true, Next::classic},
    Row{{}, 426, 426, {}, true, {}, Next::upgrade_lost},
    // The reference server destroys any Upgrade on its own domain, and so does who cuts the connection on its way.
    Row{Question::upgrade, 0, 0, {}, {}, {}, Next::ask_offer},
    // Without our code it was not our broker that spoke.
    Row{Question::upgrade, 400, 599, {}, false, {}, Next::ask_offer},
    Row{{}, 429, 429, {}, true, {}, Next::retry},
    Row{{}, 400, 499, {}, true, {}, Next::refused},
    Row{{}, 500, 599, {}, true, {}, Next::retry},
};

constexpr bool fits(const Row& row, Question question, const Answer& answer) {
  const auto same = [](auto wanted, auto is) { return !wanted || *wanted == is; };
  return same(row.question, question) && answer.status >= row.least && answer.status <= row.most &&
         same(row.upgraded, answer.upgraded) && same(row.has_code, answer.has_code) &&
         same(row.has_classic, answer.has_classic);
}

struct RefusalRow {
  Refusal refusal;
  RefusalForm form;
};

constexpr std::array rows = {
    RefusalRow{Refusal::none, {200, "", ""}},
    // The first words are the reference server's: stock clients show them.
    RefusalRow{Refusal::bad_name, {403, "bad-name", bad_name_text}},
    RefusalRow{Refusal::name_taken, {409, "name-taken", "This name is in use."}},
    RefusalRow{Refusal::unauthorized,
               {401, "unauthorized", "This server wants a token, and yours is missing or unknown."}},
    RefusalRow{Refusal::forbidden, {403, "forbidden", "Your token does not allow this name."}},
    RefusalRow{Refusal::limit, {429, "limit", "Too many tunnels are open from your address, or with your token."}},
    RefusalRow{Refusal::rate, {429, "rate", "Too many tunnels were asked for in a short time."}},
    RefusalRow{Refusal::draining, {503, "draining", "This server is going down. Try again in a moment."}},
    RefusalRow{Refusal::registry_away,
               {503, "registry-away", "This server cannot look up its tunnels at the moment. Try again shortly."}},
    RefusalRow{Refusal::classic_off,
               {426, "upgrade-required", "This server speaks tenfold/1 only: ask with Upgrade: tenfold/1."}},
    RefusalRow{Refusal::upgrade_lost,
               {426, "upgrade-lost",
                "This server speaks tenfold/1, but your Upgrade did not reach it: a proxy on the way takes it away."}},
    RefusalRow{Refusal::bad_request, {400, "bad-request", "This request is not one that opens a tunnel."}},
    RefusalRow{Refusal::banned, {403, "banned", "The operator of this server has closed this name for a while."}},
    RefusalRow{Refusal::busy, {503, "busy", "Many agents come back to this server just now. Try again in a moment."}},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (static_cast<std::size_t>(rows[i].refusal) != i) return false;
  }
  return rows.size() == refusals;
}
static_assert(in_order(), "a row for each refusal, in the order of the enum");

}  // namespace

Next read_answer(Question question, const Answer& answer) {
  for (const Row& row : answers) {
    if (fits(row, question, answer)) return row.next;
  }
  return Next::broken;
}

RefusalForm form(Refusal refusal) { return rows[static_cast<std::size_t>(refusal)].form; }

}  // namespace tenfold::handshake
