// The handshake's two tables, row by row, as docs/PROTOCOL.md has them.
#include "mux/handshake.h"

#include <doctest/doctest.h>

#include <vector>

using namespace tenfold;
using namespace tenfold::handshake;

TEST_CASE("what an answer to the handshake means") {
  struct Row {
    std::string what;
    Answer answer;
    Next next;
    Next required;  // with --mux=require
  };
  const std::vector<Row> rows = {
      {"101 with both fields", {101, true, false, false}, Next::link, Next::link},
      {"101 to something else", {101, false, false, false}, Next::broken, Next::broken},
      {"200 with the classic JSON", {200, false, false, true}, Next::pool, Next::refused},
      {"200 with something else", {200, false, false, false}, Next::broken, Next::broken},
      {"closed without a byte", {0, false, false, false}, Next::ask_classic, Next::refused},
      {"a proxy's 400", {400, false, false, false}, Next::ask_classic, Next::refused},
      {"a proxy's 404", {404, false, false, false}, Next::ask_classic, Next::refused},
      {"a proxy's 502", {502, false, false, false}, Next::ask_classic, Next::refused},
      {"400 bad-request", {400, false, true, false}, Next::refused, Next::refused},
      {"401 unauthorized", {401, false, true, false}, Next::refused, Next::refused},
      {"403 bad-name, forbidden", {403, false, true, false}, Next::refused, Next::refused},
      {"409 name-taken", {409, false, true, false}, Next::refused, Next::refused},
      {"426 upgrade-required", {426, false, true, false}, Next::refused, Next::refused},
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
    CHECK(read_answer(row.answer, false) == row.next);
    CHECK(read_answer(row.answer, true) == row.required);
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
  check(Refusal::name_taken, 409, "name-taken");
  check(Refusal::classic_off, 426, "upgrade-required");
  check(Refusal::limit, 429, "limit");
  check(Refusal::rate, 429, "rate");
  check(Refusal::draining, 503, "draining");
  // Word for word: stock clients show it.
  CHECK(form(Refusal::bad_name).message ==
        "Invalid subdomain. Subdomains must be lowercase and between 4 and 63 alphanumeric characters.");
}

TEST_CASE("an agent reads each refusal of a broker as one") {
  for (const Refusal refusal : {Refusal::bad_request, Refusal::unauthorized, Refusal::bad_name, Refusal::forbidden,
                                Refusal::name_taken, Refusal::classic_off}) {
    CHECK(read_answer({form(refusal).status, false, true, false}, false) == Next::refused);
  }
  for (const Refusal refusal : {Refusal::limit, Refusal::rate, Refusal::draining}) {
    CHECK(read_answer({form(refusal).status, false, true, false}, false) == Next::retry);
  }
}

TEST_CASE("the handshake's words") {
  CHECK(upgrade_token == "tenfold/1");
  CHECK(resume_field == "Tenfold-Resume");
  CHECK(alpn == "http/1.1");
  CHECK(control_authority == "control");
  CHECK(peer_field == "tenfold-peer");
  CHECK(cause_field == "tenfold-cause");
}
