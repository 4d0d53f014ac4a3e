// The handshake's two tables, row by row, as docs/PROTOCOL.md has them.
#include "mux/handshake.h"
#include "mux/stream_head.h"

#include <doctest/doctest.h>

#include <vector>

using namespace tenfold;
using namespace tenfold::handshake;

TEST_CASE("what an answer to the handshake means") {
  struct Row {
    std::string what;
    Answer answer;
    Next first;   // to the request with Upgrade
    Next second;  // to the one with the offer alone
  };
  const std::vector<Row> rows = {
      {"101 with both fields", {101, true, false, false}, Next::link, Next::broken},
      {"101 to something else", {101, false, false, false}, Next::broken, Next::broken},
      {"200 with the classic JSON", {200, false, false, true}, Next::classic, Next::classic},
      {"200 with something else", {200, false, false, false}, Next::broken, Next::broken},
      {"closed without a byte", {0, false, false, false}, Next::ask_offer, Next::broken},
      {"a proxy's 400", {400, false, false, false}, Next::ask_offer, Next::broken},
      {"a proxy's 401", {401, false, false, false}, Next::ask_offer, Next::broken},
      {"a proxy's 403", {403, false, false, false}, Next::ask_offer, Next::broken},
      {"a proxy's 404", {404, false, false, false}, Next::ask_offer, Next::broken},
      {"a proxy's 426", {426, false, false, false}, Next::ask_offer, Next::broken},
      {"a proxy's 429", {429, false, false, false}, Next::ask_offer, Next::broken},
      {"a proxy's 502", {502, false, false, false}, Next::ask_offer, Next::broken},
      {"400 bad-request", {400, false, true, false}, Next::refused, Next::refused},
      {"401 unauthorized", {401, false, true, false}, Next::refused, Next::refused},
      {"403 bad-name, forbidden", {403, false, true, false}, Next::refused, Next::refused},
      {"409 name-taken", {409, false, true, false}, Next::refused, Next::refused},
      {"426 upgrade-lost, upgrade-required", {426, false, true, false}, Next::upgrade_lost, Next::upgrade_lost},
      {"429 limit, rate", {429, false, true, false}, Next::retry, Next::retry},
      {"503 draining", {503, false, true, false}, Next::retry, Next::retry},
      {"an unknown code with 418", {418, false, true, false}, Next::refused, Next::refused},
      {"an unknown code with 500", {500, false, true, false}, Next::retry, Next::retry},
      {"a redirect", {302, false, false, false}, Next::broken, Next::broken},
      {"a status that is none", {700, false, true, false}, Next::broken, Next::broken},
      {"another 1xx", {103, false, false, false}, Next::broken, Next::broken},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(read_answer(Question::upgrade, row.answer) == row.first);
    CHECK(read_answer(Question::offer, row.answer) == row.second);
  }
}

TEST_CASE("what each refusal looks like") {
  const auto check = [](Refusal refusal, int status, std::string_view code) {
    CHECK(form(refusal).status == status);
    CHECK(form(refusal).code == code);
    CHECK_FALSE(form(refusal).message.empty());
  };
  check(Refusal::bad_request, 400, "bad-request");
  check(Refusal::unauthorized, 401, "unauthorized");
  check(Refusal::bad_name, 403, "bad-name");
  check(Refusal::forbidden, 403, "forbidden");
  check(Refusal::banned, 403, "banned");
  check(Refusal::name_taken, 409, "name-taken");
  check(Refusal::classic_off, 426, "upgrade-required");
  check(Refusal::upgrade_lost, 426, "upgrade-lost");
  check(Refusal::limit, 429, "limit");
  check(Refusal::rate, 429, "rate");
  check(Refusal::draining, 503, "draining");
  // Word for word: stock clients show it.
  CHECK(form(Refusal::bad_name).message ==
        "Invalid subdomain: a name has 1 to 63 of a-z, 0-9 and -, with no - first or last, and is not control.");
}

TEST_CASE("an agent reads each refusal of a broker as one, and a missing Upgrade as no reason to end") {
  for (const Question question : {Question::upgrade, Question::offer}) {
    for (const Refusal refusal :
         {Refusal::bad_request, Refusal::unauthorized, Refusal::bad_name, Refusal::forbidden, Refusal::name_taken}) {
      CHECK(read_answer(question, {form(refusal).status, false, true, false}) == Next::refused);
    }
    for (const Refusal refusal : {Refusal::limit, Refusal::rate, Refusal::draining}) {
      CHECK(read_answer(question, {form(refusal).status, false, true, false}) == Next::retry);
    }
    for (const Refusal refusal : {Refusal::classic_off, Refusal::upgrade_lost}) {
      CHECK(read_answer(question, {form(refusal).status, false, true, false}) == Next::upgrade_lost);
    }
  }
}

TEST_CASE("the handshake's words") {
  CHECK(upgrade_token == "tenfold/1");
  CHECK(offer_field == "Tenfold-Offer");
  CHECK(resume_field == "Tenfold-Resume");
  CHECK(alpn == "http/1.1");
  CHECK(control_authority == "control");
  CHECK(peer_field == "tenfold-peer");
  CHECK(cause_field == "tenfold-cause");
}
